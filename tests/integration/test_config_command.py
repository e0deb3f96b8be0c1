"""`reelsmith config` against a configuration service of its own, as a person runs it."""

import asyncio
import json
import os
import pathlib
import subprocess
import sys

import pytest


@pytest.fixture
def reelsmith(tmp_path: pathlib.Path):
    """Runs `reelsmith config` with a service; its answer as JSON where that is asked for."""

    async def run(process, *words: str, code: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "REELSMITH_HOME": str(tmp_path / "home"), "COLUMNS": "200", "TERM": "dumb"}
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "client", "config", *words, "--service", process.address),
            env=environment | variables,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(child.communicate(), timeout=60)
        assert code == child.returncode, err.decode()
        return subprocess.CompletedProcess(words, child.returncode, out.decode(), err.decode())

    return run


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
