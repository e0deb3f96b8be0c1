"""The calls that the pages show are made as they stand there, with the addresses of a real suite in their place."""

import pathlib
import re
import shlex
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
PROGRAMS = ("buf", "grpcurl", "curl")
TIMEOUT_S = 120  # a watch of a job that fails at its first step


def shown(page: pathlib.Path) -> list[str]:
    """The commands of a page that call a suite."""
    lines = "\n".join(BLOCK.findall(page.read_text())).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.split(" ", 1)[0] in PROGRAMS]


COMMANDS = [(page.name, command) for page in PAGES for command in shown(page)]


def made(command: str, places: dict[str, str]) -> list[str]:
    """The words of a command for the suite; where `grpcurl` is missing, `buf curl` makes the same call."""
    for shown_as, real in places.items():
        command = command.replace(shown_as, real)
    words = shlex.split(command, comments=True)
    if words[0] == "grpcurl" and not shutil.which("grpcurl"):
        *flags, address, method = words[1:]
        options = ["--list-methods"] if method == "list" else [flag for flag in flags if flag != "-plaintext"]
        path = "" if method == "list" else f"/{method}"
        words = ["buf", "curl", "--protocol", "grpc", "--http2-prior-knowledge", *options, f"http://{address}{path}"]
    beside = pathlib.Path(sys.executable).parent / words[0]
    return [str(beside) if beside.exists() else words[0], *words[1:]]


@pytest.fixture(scope="module")
def places(suite) -> dict[str, str]:
    """What stands for the addresses and names of the pages; the job is one that has failed for want of its film."""
    job = suite.run(pathlib.Path("/videos/talk.mp4"))
    http = suite.state["http"].removeprefix("http://").rstrip("/")
    services = {"50051": "analyzer", "50052": "exporter", "50053": "jobs", "50054": "config"}
    own = {f"127.0.0.1:{port}": suite.address(name) for port, name in services.items()}
    return {"127.0.0.1:50050": suite.gateway, "127.0.0.1:8080": http, "JOB": job.id, **own}


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_call_works_as_it_is_shown(require_tool, places: dict[str, str], page: str, command: str) -> None:
    """It ends well, and says something that is no error."""
    words = made(command, places)
    if not pathlib.Path(words[0]).is_absolute():
        require_tool(words[0])
    ended = subprocess.run(words, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert 0 == ended.returncode, ended.stderr
    assert ended.stdout.strip()
    assert '"status":4' not in ended.stdout.replace(" ", "")  # of a problem, as HTTP tells it


def test_pages_show_calls() -> None:
    """The commands are found: a page that was moved would leave nothing to test."""
    assert {"buf", "grpcurl", "curl"} == {command.split(" ", 1)[0] for _, command in COMMANDS}
