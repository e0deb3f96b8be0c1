"""Decides which processes a suite has, on which ports, with which environment. Starts nothing."""

import dataclasses
import pathlib
import sys
from collections.abc import Mapping, Sequence, Set

from chassis.identity import transport
from deploy.local import ports

# Service, standard port, module. The order is that of starting.
SERVICES = (
    ("config", 50054, "services.config"),
    ("analyzer", 50051, "services.analyzer"),
    ("exporter", 50052, "services.exporter"),
    ("jobs", 50053, "services.jobs"),
    ("gateway", 50050, "gateway"),
)
HTTP_PORT = 8080  # of the gateway; the next free one where it is taken: browsers follow the printed address
METRICS_OFFSET = 1000  # standard metrics port of a process: 51050 to 51054
# What is stopped together, stage by stage: no new work comes in, then none is handed out, then the rest ends.
STOP_ORDER = (("gateway",), ("jobs",), ("analyzer", "exporter", "config"), ("consul",))
STOP_MARGIN_S = 3.0  # of the grace: for leaving the registry, killing workers and sending the last traces
INSTANCES_MAX = 64  # of one service: beyond that one machine is not the place


@dataclasses.dataclass(frozen=True, slots=True)
class Options:
    """What a suite should be.

    Attributes:
        home: Folder of everything that it keeps.
        instances: How many instances of a service; one where it is not named.
        tls: Whether connections between the processes are encrypted and proven, with certificates of the home.
        ephemeral: Whether ports are chosen freely instead of the standard ones.
        grace_s: How long a process may take to stop before it is killed.
        start_timeout_s: How long all processes may take until they serve.
        http_port: Port of the gateway's HTTP server, 0 for none; by default the standard one or the next free one.
    """

    home: pathlib.Path
    instances: Mapping[str, int] = dataclasses.field(default_factory=dict)
    ephemeral: bool = False
    tls: bool = False
    grace_s: float = 10.0
    start_timeout_s: float = 90.0
    http_port: int | None = None

    @property
    def certificates(self) -> pathlib.Path | None:
        """Where the certificates are; None without."""
        return self.home / "certificates" if self.tls else None


@dataclasses.dataclass(frozen=True, slots=True)
class Program:
    """A process that is to run.

    Attributes:
        name: Name in logs and state, such as `analyzer-2`.
        service: Name of its service, such as `analyzer`.
        command: Program and arguments.
        port: Port of its gRPC server.
        metrics_port: Port of its metrics; 0 where it has none.
        http_port: Port of its HTTP server; 0 where it has none.
        health_port: Port that answers health checks without a certificate; 0 where its own port does.
        environment: What is set on top of the launcher's own environment.
    """

    name: str
    service: str
    command: tuple[str, ...]
    port: int
    metrics_port: int = 0
    http_port: int = 0
    health_port: int = 0
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def address(self) -> str:
        """Host and port of the server."""
        return f"{ports.HOST}:{self.port}"

    @property
    def health_address(self) -> str:
        """Host and port that health checks are answered at."""
        return f"{ports.HOST}:{self.health_port or self.port}"


@dataclasses.dataclass(frozen=True, slots=True)
class Discovery:
    """How the processes find each other: `static`, or `consul` with the address of an agent."""

    kind: str
    consul: str = ""


def programs(options: Options, discovery: Discovery) -> tuple[Program, ...]:
    """Everything that a suite runs, in the order of starting.

    Raises:
        errors.Unavailable: A standard port is taken.
        errors.ResourceExhausted: No free port was found.
    """
    named = [
        (f"{service}-{number}" if number > 1 else service, service, port if number == 1 else 0, module)
        for service, port, module in SERVICES
        for number in range(1, options.instances.get(service, 1) + 1)
    ]
    chosen = _ports(named, options)
    http_port = _http_port(options, {port for own in chosen for port in own})
    shared = _shared(options, discovery, named, chosen)
    return tuple(
        Program(
            name=name,
            service=service,
            command=(sys.executable, "-m", module),
            port=port,
            metrics_port=metrics_port,
            http_port=http_port if name == "gateway" else 0,
            health_port=health_port,
            environment={
                **shared,
                **_own(options, name, service, port, metrics_port),
                **_proven(options, service, health_port),
                **({"REELSMITH_GATEWAY_HTTP_PORT": str(http_port)} if name == "gateway" else {}),
            },
        )
        for (name, service, _, module), (port, metrics_port, health_port) in zip(named, chosen, strict=True)
    )


def _ports(named: Sequence[tuple[str, str, int, str]], options: Options) -> list[tuple[int, int, int]]:
    """The ports of each process: its server's, that of its metrics, and that of health where it has TLS."""
    spare = iter(ports.free(3 * len(named)))
    chosen = []
    for _, _, standard, _ in named:
        free = options.ephemeral or not standard
        port, metrics_port = (next(spare), next(spare)) if free else (standard, standard + METRICS_OFFSET)
        chosen.append((port, metrics_port, next(spare) if options.tls else 0))
    taken = [(name, port) for (name, *_), three in zip(named, chosen, strict=True) for port in three if port]
    ports.check_free(taken)
    return chosen


def _http_port(options: Options, taken: Set[int]) -> int:
    if options.http_port is not None:
        return options.http_port
    if not options.ephemeral:
        return ports.from_on(HTTP_PORT)
    return next(port for port in ports.free(len(taken) + 1) if port not in taken)


def _shared(
    options: Options,
    discovery: Discovery,
    named: Sequence[tuple[str, str, int, str]],
    chosen: Sequence[tuple[int, int, int]],
) -> dict[str, str]:
    """What every process is told."""
    environment = {
        "REELSMITH_HOST": ports.HOST,
        "REELSMITH_SESSIONS_ROOT": str(options.home),
        "REELSMITH_DISCOVERY": discovery.kind,
        "REELSMITH_DRAIN_S": f"{max(0.0, options.grace_s - STOP_MARGIN_S):g}",
        "PYTHONUNBUFFERED": "1",
    }
    if discovery.kind == "consul":
        return {**environment, "CONSUL_HTTP_ADDR": discovery.consul}
    addresses: dict[str, list[str]] = {}
    for (_, service, *_), (port, *_) in zip(named, chosen, strict=True):
        addresses.setdefault(service, []).append(f"{ports.HOST}:{port}")
    registry = ";".join(f"{service}={','.join(listed)}" for service, listed in addresses.items())
    return {**environment, "REELSMITH_STATIC_REGISTRY": registry}


def _own(options: Options, name: str, service: str, port: int, metrics_port: int) -> dict[str, str]:
    """What only this process is told."""
    prefix = f"REELSMITH_{service.upper()}"
    return {
        f"{prefix}_PORT": str(port),
        f"{prefix}_METRICS_PORT": str(metrics_port),
        f"{prefix}_STATE_DIR": str(options.home / "state" / name),
    }


def _proven(options: Options, service: str, health_port: int) -> dict[str, str]:
    """Where a process finds its certificate, and how it is asked by whoever has none."""
    if options.certificates is None:
        return {}
    files, prefix = transport.of(options.certificates, service), f"REELSMITH_{service.upper()}"
    return {
        f"{prefix}_TLS_CA": str(files.ca),
        f"{prefix}_TLS_CERTIFICATE": str(files.certificate),
        f"{prefix}_TLS_KEY": str(files.key),
        f"{prefix}_HEALTH_PORT": str(health_port),
    }
