"""`reelsmith config` against a configuration service of its own, as a person runs it."""

import asyncio
import importlib.util
import json
import os
import pathlib
import signal
import subprocess
import sys

import pytest

from chassis import testing

PATIENCE_S = 60.0  # for what takes milliseconds on an idle machine


@pytest.fixture
def reelsmith(tmp_path: pathlib.Path):
    """Runs `reelsmith config`, or another command, with a service."""

    async def run(
        process, *words: str, code: int = 0, command: tuple[str, ...] = ("config",), **variables: str
    ) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "REELSMITH_HOME": str(tmp_path / "home"), "COLUMNS": "200", "TERM": "dumb"}
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "client", *command, *words, "--service", process.address),
            env=environment | variables,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(child.communicate(), timeout=60)
        assert code == child.returncode, err.decode()
        return subprocess.CompletedProcess(words, child.returncode, out.decode(), err.decode())

    return run


@pytest.mark.slow
async def test_layers_are_changed_and_told_apart(new_process, reelsmith) -> None:
    """A value of one instance is its own, its origin is told, and an edit changes nothing but what was edited."""
    process = new_process("services.config")
    await process.start()
    await reelsmith(process, "set", "analyzer.weights.motion", "5", "--layer", "analyzer/one")
    mend = {"EDITOR": "sed -i s/0.25/0.125/"}
    await reelsmith(process, "edit", "--layer", "analyzer", **mend)
    shared, own = [
        json.loads((await reelsmith(process, "get", "analyzer.weights", *layer)).stdout)["motion"]
        for layer in ([], ["--layer", "analyzer/one"])
    ]
    assert (1, 5) == (shared, own)
    told = json.loads((await reelsmith(process, "get", "analyzer", "--origins", "--layer", "analyzer/one")).stdout)
    assert ("analyzer/one", "built in", "analyzer") == (
        told["analyzer.weights.motion"],
        told["analyzer.weights.hook"],
        told["analyzer.genres.talk.motion"],
    )
    wrong = await reelsmith(process, "set", "a", "1", "--layer", "analyser", code=1)
    assert "did you mean analyzer?" in wrong.stderr


async def test_settings_change_live_and_the_others_say_so(new_process, reelsmith) -> None:
    """Running services take a setting over and log it, start with it while the source is gone, and list the others."""
    process = new_process("services.config")
    await process.start()
    registry = f"config={process.address}"
    manager = new_process("services.jobs", REELSMITH_STATIC_REGISTRY=registry, REELSMITH_INSTANCE="one")
    public = new_process("gateway", REELSMITH_STATIC_REGISTRY=f"{registry};jobs={manager.address}")
    await asyncio.gather(manager.start(), public.start())
    await reelsmith(process, "set", "jobs.settings.export_limit", "5", "--layer", "jobs/one")
    await reelsmith(process, "set", "gateway.settings.log_level", "DEBUG")
    said = "setting export_limit is now 5, it was 2"
    await testing.wait_until(lambda: said in manager.log.read_text(), PATIENCE_S)
    await testing.wait_until(lambda: "setting log_level is now DEBUG" in public.log.read_text(), PATIENCE_S)
    wrong = await reelsmith(process, "set", "gateway.settings.port", "1", code=1)
    assert "port cannot change while the process runs: start it with REELSMITH_GATEWAY_PORT" in wrong.stderr
    told = json.loads((await reelsmith(process, "describe", "jobs", "--json", "--layer", "jobs/one")).stdout)
    found = {row["name"]: (row["live"], row["value"], row["variable"]) for row in told}
    assert ((True, 5, None), (False, None, "REELSMITH_JOBS_LEASE_S")) == (found["export_limit"], found["lease_s"])
    for stopped in (process, manager):
        stopped.stop(signal.SIGKILL)
    await manager.start()
    assert 2 == manager.log.read_text().count(said)


@pytest.mark.slow
async def test_two_people_decide_from_the_command(new_process, reelsmith, tmp_path: pathlib.Path) -> None:
    """Where approvals are asked for nobody changes alone; what was shown is what comes into force."""
    process = new_process("services.config", REELSMITH_CONFIG_APPROVALS="production,staging")
    await process.start()
    refused = await reelsmith(process, "set", "analyzer.weights.motion", "5", code=1)
    assert "changes of production need a second person: propose them" in refused.stderr
    await reelsmith(process, "propose", "analyzer.weights.motion", "5", "--layer", "analyzer", "--as", "ann")
    shown = (await reelsmith(process, "proposals", "1")).stdout
    assert {'-      "motion": 1,', '+      "motion": 5,', "proposal 1 by ann for production/analyzer, pending"} <= set(
        shown.splitlines()
    )
    own = await reelsmith(process, "approve", "1", "--as", "ann", code=1)
    assert "ann proposed it: somebody else must approve" in own.stderr
    assert "proposal 1 is version 1" in (await reelsmith(process, "approve", "1", "--as", "bob")).stdout
    (listed,) = json.loads((await reelsmith(process, "proposals", "--all", "--json")).stdout)
    assert ("STATE_APPROVED", "bob", "1") == (listed["state"], listed["decider"], listed["version"])


async def test_folder_is_watched_and_told_of(new_process, reelsmith, tmp_path: pathlib.Path) -> None:
    """A saved file is in force, a bad one is told and is not, and calls are refused."""
    (tmp_path / "files").mkdir()
    file = tmp_path / "files" / "production.yaml"
    file.write_text("analyzer: {weights: {motion: 2}}")
    process = new_process("services.config", REELSMITH_CONFIG_FOLDER=str(tmp_path / "files"))
    await process.start()
    file.write_text("analyzer: {weights: {motion: -2}}")
    await testing.wait_until(lambda: "are not taken" in process.log.read_text(), PATIENCE_S)
    (source,) = json.loads((await reelsmith(process, "sources", "--json", code=1)).stdout)
    assert ("1", True) == (source["version"], "-2 is less than 0" in source["fault"])
    assert 2 == json.loads((await reelsmith(process, "get", "analyzer.weights.motion")).stdout)
    refused = await reelsmith(process, "set", "analyzer.weights.motion", "5", code=1)
    assert "the document of production comes from files: change them" in refused.stderr


@pytest.mark.slow
async def test_weights_are_tuned_and_set(new_process, reelsmith, tmp_path: pathlib.Path, tool_missing) -> None:
    """The fitted weights become a version that says how well they do on videos that they have not seen."""
    if importlib.util.find_spec("optuna") is None:
        tool_missing("reelsmith[tune] is not installed")
    rows = ["document,rank,liked"]
    for video in ("a", "b"):
        clips = [{"motion": rank / 8, "faces": 1 - rank / 8} for rank in range(8)]
        terms = [[{"name": name, "value": value} for name, value in values.items()] for values in clips]
        proposals = [{"rank": rank, "terms": found} for rank, found in enumerate(terms)]
        (tmp_path / f"{video}.json").write_text(json.dumps({"proposals": proposals}))
        rows += [f"{video}.json,{rank},{'yes' if rank < 4 else 'no'}" for rank in range(8)]
    (tmp_path / "table.csv").write_text("\n".join(rows))
    process = new_process("services.config")
    await process.start()
    tuned = await reelsmith(
        process, str(tmp_path / "table.csv"), "--then", "set", "--trials", "10", "--json", command=("tune",)
    )
    weights = json.loads(tuned.stdout)["weights"]
    assert weights["faces"] > weights["motion"]
    assert "version 1 of production: tuned on 32 pairs of 2 videos: held out 50.0% -> 100.0% in order" in tuned.stderr
    found = json.loads((await reelsmith(process, "get", "analyzer.weights")).stdout)
    assert weights == {name: found[name] for name in weights}
