"""Who may call which method of the job manager."""

from chassis.identity import policy

PEOPLE = ""  # the queue is paused by a person with the certificate `admin`

RULES = policy.by_peer(
    "reelsmith.jobs.v1.JobService",
    {
        "SubmitJob": "gateway",
        "SubmitBatch": "gateway",
        "GetJob": "gateway",
        "ListJobs": "gateway",
        "WatchJob": "gateway",
        "CancelJob": "gateway",
        "RetryJob": "gateway",
        "DeleteJob": "gateway",
        "GetQueueStats": "gateway",
        "PauseQueue": PEOPLE,
        "ResumeQueue": PEOPLE,
    },
)
