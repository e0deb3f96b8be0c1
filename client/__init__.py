"""The `reelsmith` command, and a small Python client of the gateway.

async with gateway.connect("127.0.0.1:50050") as suite:
    job = await suite.create_clips(jobs.JobSpec(source_uri="file:///videos/talk.mp4", count=3))
    async for event in suite.watch(job.id):
        print(event.job.fraction)
"""
