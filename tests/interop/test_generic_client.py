"""Every API works for a client that knows nothing but the address: reflection, health and JSON over `buf curl`."""

import json
import pathlib
import subprocess
import sys

import pytest
from reelsmith.analyzer.v1 import analyzer_pb2
from reelsmith.config.v1 import config_pb2
from reelsmith.exporter.v1 import exporter_pb2
from reelsmith.gateway.v1 import gateway_pb2
from reelsmith.jobs.v1 import jobs_pb2

SERVICES = {
    "analyzer": analyzer_pb2.DESCRIPTOR.services_by_name["AnalyzerService"],
    "config": config_pb2.DESCRIPTOR.services_by_name["ConfigService"],
    "exporter": exporter_pb2.DESCRIPTOR.services_by_name["ExporterService"],
    "gateway": gateway_pb2.DESCRIPTOR.services_by_name["ClipService"],
    "jobs": jobs_pb2.DESCRIPTOR.services_by_name["JobService"],
}
ENDLESS = {("config", "WatchConfig")}  # an empty request watches for ever: its first message is read below
METHODS = [
    (name, method.name)
    for name, service in SERVICES.items()
    for method in service.methods
    if (name, method.name) not in ENDLESS
]
BUGS = {8 * 2: "UNKNOWN", 8 * 12: "UNIMPLEMENTED", 8 * 13: "INTERNAL"}  # buf curl exits with 8 x the gRPC code


def command(require_tool, address: str, *arguments: str) -> list[str]:
    """A `buf curl` against an address, plain text HTTP/2."""
    beside = pathlib.Path(sys.executable).parent / "buf"
    program = str(beside) if beside.exists() else require_tool("buf")
    *flags, path = arguments
    return [program, "curl", "--protocol", "grpc", "--http2-prior-knowledge", *flags, f"http://{address}{path}"]


def curl(require_tool, address: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs `buf curl` to its end."""
    words = command(require_tool, address, *arguments)
    return subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize("name", SERVICES)
def test_reflection_lists_the_methods(suite, require_tool, name: str) -> None:
    """Reflection tells every method of the service."""
    listed = curl(require_tool, suite.address(name), "--list-methods", "")
    expected = {f"{SERVICES[name].full_name}/{method.name}" for method in SERVICES[name].methods}
    assert expected <= set(listed.stdout.split())


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize("whole", [True, False])
def test_health_says_serving(suite, require_tool, name: str, whole: bool) -> None:
    """The process as a whole and the service by its name are SERVING."""
    data = json.dumps({} if whole else {"service": SERVICES[name].full_name})
    answer = curl(require_tool, suite.address(name), "-d", data, "/grpc.health.v1.Health/Check")
    assert {"status": "SERVING"} == json.loads(answer.stdout)


@pytest.mark.parametrize(("name", "method"), METHODS)
def test_empty_request_gets_an_answer_or_a_typed_error(suite, require_tool, name: str, method: str) -> None:
    """Every method answers an empty request: with its result or with an error that is no bug of ours."""
    path = f"/{SERVICES[name].full_name}/{method}"
    answer = curl(require_tool, suite.address(name), "-d", "{}", path)
    assert answer.returncode not in BUGS, answer.stderr


def test_bad_request_names_the_field(suite, require_tool) -> None:
    """A refusal carries ErrorInfo and the fields that are wrong."""
    answer = curl(require_tool, suite.address("gateway"), "-d", "{}", "/reelsmith.gateway.v1.ClipService/CreateClips")
    assert 8 * 3 == answer.returncode
    assert "source_uri" in answer.stderr


def test_first_version_of_a_watch(suite, require_tool) -> None:
    """A watch from before the first version begins with the newest document."""
    path = "/reelsmith.config.v1.ConfigService/WatchConfig"
    words = command(require_tool, suite.address("config"), "-d", '{"after_version": -1}', path)
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as watch:
        try:
            assert "{" == watch.stdout.readline().strip()
        finally:
            watch.kill()
