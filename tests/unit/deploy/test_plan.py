"""Which processes a suite has."""

import socket

import pytest

from chassis import errors
from chassis.identity import authority
from deploy.local import certificates, consul, plan, ports

STATIC = plan.Discovery("static")


def programs(tmp_path, discovery=STATIC, **options):
    """The programs of a suite, by name."""
    found = plan.programs(plan.Options(tmp_path, ephemeral=True, **options), discovery)
    return {program.name: program for program in found}


def test_suite_has_every_service(tmp_path):
    """Five services, one process each."""
    assert ["config", "analyzer", "exporter", "jobs", "gateway"] == list(programs(tmp_path))


def test_further_instances_are_numbered(tmp_path):
    """The second and third instance carry a number."""
    named = programs(tmp_path, instances={"analyzer": 3})
    assert {"analyzer", "analyzer-2", "analyzer-3"} <= set(named)
    assert 7 * 2 == len({port for p in named.values() for port in (p.port, p.metrics_port)})


def test_static_registry_names_every_instance(tmp_path):
    """Each process is told where all the others are."""
    named = programs(tmp_path, instances={"exporter": 2})
    listed = dict(part.split("=") for part in named["jobs"].environment["REELSMITH_STATIC_REGISTRY"].split(";"))
    assert f"{named['exporter'].address},{named['exporter-2'].address}" == listed["exporter"]
    assert {"config", "analyzer", "exporter", "jobs", "gateway"} == set(listed)


def test_consul_suite_gets_the_agent_and_no_list(tmp_path):
    """With Consul there is one truth about who is where."""
    environment = programs(tmp_path, plan.Discovery("consul", "127.0.0.1:8500"))["gateway"].environment
    assert ("consul", "127.0.0.1:8500") == (environment["REELSMITH_DISCOVERY"], environment["CONSUL_HTTP_ADDR"])
    assert "REELSMITH_STATIC_REGISTRY" not in environment


def test_every_process_has_its_own_state_folder(tmp_path):
    """No two processes share a state folder; all share the sessions."""
    named = programs(tmp_path, instances={"analyzer": 2})
    assert str(tmp_path / "state" / "analyzer-2") == named["analyzer-2"].environment["REELSMITH_ANALYZER_STATE_DIR"]
    assert {str(tmp_path)} == {program.environment["REELSMITH_SESSIONS_ROOT"] for program in named.values()}


def test_gateway_has_http_on_the_next_free_port(tmp_path):
    """HTTP takes the port after one that is taken, a port of its own with free ones, and none where 0 is asked for."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        assert ports.from_on(taken) > taken
    gateway = programs(tmp_path)["gateway"]
    assert str(gateway.http_port) == gateway.environment["REELSMITH_GATEWAY_HTTP_PORT"]
    assert gateway.http_port not in (0, gateway.port, gateway.metrics_port)
    assert "0" == programs(tmp_path, http_port=0)["gateway"].environment["REELSMITH_GATEWAY_HTTP_PORT"]


def test_process_with_tls_has_its_own_certificate_and_a_port_for_health(tmp_path):
    """Each instance shows the certificate of its service; health is asked at a port of its own, like no other."""
    named = programs(tmp_path, tls=True, instances={"analyzer": 2})
    told = named["analyzer-2"].environment
    folder = tmp_path / "certificates"
    assert str(folder / "analyzer.pem") == told["REELSMITH_ANALYZER_TLS_CERTIFICATE"]
    assert (str(folder / "ca.pem"), str(folder / "analyzer.key")) == (
        told["REELSMITH_ANALYZER_TLS_CA"],
        told["REELSMITH_ANALYZER_TLS_KEY"],
    )
    assert named["analyzer-2"].health_address.endswith(told["REELSMITH_ANALYZER_HEALTH_PORT"])
    assert 6 * 3 == len({port for p in named.values() for port in (p.port, p.metrics_port, p.health_port)})


def test_process_without_tls_is_told_nothing_about_it(tmp_path):
    """Health is asked where everything else is."""
    program = programs(tmp_path)["jobs"]
    assert program.address == program.health_address
    assert not [name for name in program.environment if "TLS" in name or "HEALTH" in name]


def test_certificates_are_made_once_and_again_before_they_end(tmp_path):
    """A restart keeps them; those that end within a month, and those that were lost, are made anew."""
    certificates.provide(tmp_path)
    first = (tmp_path / "ca.pem").read_bytes()
    certificates.provide(tmp_path)
    assert first == (tmp_path / "ca.pem").read_bytes()
    ending, _ = authority.Authority.make().issue("jobs", days=20)
    (tmp_path / "jobs.pem").write_bytes(ending)
    certificates.provide(tmp_path)
    second = (tmp_path / "ca.pem").read_bytes()
    (tmp_path / "gateway.pem").unlink()
    certificates.provide(tmp_path)
    assert 3 == len({first, second, (tmp_path / "ca.pem").read_bytes()})


def test_taken_port_is_named():
    """The message says which port, for whom, and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(errors.Unavailable, match=rf"127.0.0.1:{port} \(jobs\).*--ephemeral-ports"):
            ports.check_free([("jobs", port)])


def test_free_ports_differ():
    """Many ports at once are all different and outside of the range for outgoing connections."""
    chosen = ports.free(40)
    assert 40 == len(set(chosen))
    assert max(chosen) < 32_768


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"REELSMITH_DISCOVERY": "static", "CONSUL_HTTP_ADDR": "127.0.0.1:8500"}, STATIC),
        ({"CONSUL_HTTP_ADDR": "10.0.0.1:8500"}, plan.Discovery("consul", "10.0.0.1:8500")),
        ({"PATH": "/nowhere"}, STATIC),
        ({"REELSMITH_CONSUL": "/opt/consul"}, None),
    ],
)
def test_discovery_follows_the_environment(environment, expected):
    """Static on demand, a given agent, none without a program, else an agent of our own."""
    assert expected == consul.choose(environment)


def test_demanded_consul_without_program_is_refused():
    """Asking for Consul where there is none is an error, not a quiet change of plan."""
    with pytest.raises(errors.FailedPrecondition, match="no consul program"):
        consul.choose({"REELSMITH_DISCOVERY": "consul", "PATH": "/nowhere"})


def test_unknown_discovery_is_refused():
    """A misspelt setting is refused with what it may be."""
    with pytest.raises(errors.InvalidArgument, match="auto, consul or static"):
        consul.choose({"REELSMITH_DISCOVERY": "zookeeper"})
