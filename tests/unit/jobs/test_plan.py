"""Which steps there are, which can run, and what a job is at the end."""

from services.jobs import job as jobs
from services.jobs import lifecycle, plan
from services.jobs import spec as specs

DONE = lifecycle.Outcome()
BAD = jobs.Failure("INTERNAL", "X", "it broke")


def clips(count: int) -> lifecycle.Outcome:
    """What a proposal of some clips gives."""
    return lifecycle.Outcome(clips=tuple(jobs.Clip(rank, rank, rank + 1.0) for rank in range(1, count + 1)))


def accepted(spec: specs.Spec) -> jobs.Job:
    """A new job."""
    return lifecycle.accepted("0" * 32, 1, spec, {}, 0).job


def states(job: jobs.Job) -> dict[str, str]:
    """States of the steps by name."""
    return {step.name: step.state.value for step in job.steps}


def test_plan_begins_with_one_ready_step(make_spec) -> None:
    """Only the probe can run at first."""
    assert {"probe": "READY", "analyze": "PENDING", "propose": "PENDING"} == states(accepted(make_spec()))


def test_source_on_the_web_is_fetched_first(make_spec, ran) -> None:
    """Everything waits for it, whichever plan it is; the numbers of the steps stay in order."""
    url = "https://films.example/talk.mp4"
    job = accepted(make_spec(source_uri=url))
    assert {"fetch": "READY", "probe": "PENDING", "analyze": "PENDING", "propose": "PENDING"} == states(job)
    done = ran(job, fetch=DONE, probe=DONE, analyze=DONE, propose=clips(1))
    named = accepted(make_spec(source_uri=url, clips=(specs.TimeRange(1, 2),)))
    again = accepted(make_spec(source_uri=url, manifest_uri="upload:" + "0" * 32))
    for one in (done, named, again):
        assert ["fetch", "probe"] == [step.name for step in one.steps][:2]
        assert list(range(len(one.steps))) == [step.position for step in one.steps]


def test_plan_grows_from_the_proposals(make_spec, ran) -> None:
    """Exports are ready at once; pictures wait for them, the report for both."""
    job = ran(accepted(make_spec()), probe=DONE, analyze=DONE, propose=clips(2))
    found = states(job)
    assert ["READY", "READY", "PENDING", "PENDING"] == [
        found[name] for name in ("export-1", "export-2", "images", "report")
    ]
    assert ("export-1", "export-2", "images") == job.step("report").follows


def test_named_clips_need_no_proposals(make_spec) -> None:
    """Clips that were asked for by time are planned at once."""
    job = accepted(make_spec(clips=(specs.TimeRange(1, 2),)))
    assert ["probe", "analyze", "export-1", "images", "report"] == list(states(job))
    assert jobs.Clip(1, 1, 2) == job.step("export-1").clip


def test_analysis_alone_ends_after_the_proposals(make_spec, ran) -> None:
    """Nothing is exported where only an analysis was asked for."""
    job = ran(accepted(make_spec(analyze_only=True)), probe=DONE, analyze=DONE, propose=clips(3))
    assert jobs.JobState.SUCCEEDED is job.state
    assert 3 == len(job.steps)


def test_job_without_proposals_fails_with_a_reason(make_spec, ran) -> None:
    """A source with nothing in it gives a report, and a job that says why there are no clips."""
    job = ran(accepted(make_spec()), probe=DONE, analyze=DONE, propose=clips(0), report=DONE)
    assert (jobs.JobState.FAILED, "NO_PROPOSALS") == (job.state, job.error.reason)
    assert frozenset() == plan.rerun(job.steps)


def test_failed_analysis_skips_the_rest(make_spec, ran) -> None:
    """Nothing runs on what is not there, and the job has the error of what failed."""
    job = ran(accepted(make_spec()), probe=DONE, analyze=BAD)
    assert {"probe": "SUCCEEDED", "analyze": "FAILED", "propose": "SKIPPED"} == states(job)
    assert (jobs.JobState.FAILED, BAD) == (job.state, job.error)


def test_one_failed_clip_makes_the_job_partial(make_spec, ran) -> None:
    """The others are good, have pictures and are in the report."""
    job = ran(accepted(make_spec()), probe=DONE, analyze=DONE, propose=clips(2), export_1=BAD, export_2=DONE)
    assert "READY" == states(job)["images"]
    job = ran(job, images=DONE, report=DONE)
    assert (jobs.JobState.PARTIAL, BAD) == (job.state, job.error)
    assert frozenset({"export-1", "images", "report"}) == plan.rerun(job.steps)


def test_no_good_clip_makes_the_job_fail_after_its_report(make_spec, ran) -> None:
    """Pictures are skipped, the report still says what went wrong."""
    job = ran(accepted(make_spec()), probe=DONE, analyze=DONE, propose=clips(1), export_1=BAD)
    assert ("SKIPPED", "READY") == (states(job)["images"], states(job)["report"])
    assert jobs.JobState.FAILED is ran(job, report=DONE).state


def test_failed_report_leaves_the_clips(make_spec, ran) -> None:
    """A job with clips and no report is PARTIAL."""
    job = ran(accepted(make_spec()), probe=DONE, analyze=DONE, propose=clips(1), export_1=DONE, images=DONE, report=BAD)
    assert jobs.JobState.PARTIAL is job.state
    assert frozenset({"report"}) == plan.rerun(job.steps)
