"""Keeps the borders that ARCHITECTURE.md draws: who may import whom, who sees what, and how long a function may be."""

import ast
import dataclasses
import gc
import pathlib
import subprocess
import sys
from collections.abc import Iterator

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGES = ("failpoints", "chassis", "media", "services", "gateway", "client", "deploy")
SERVICES = ("analyzer", "exporter", "jobs", "config")
FUNCTION_LINES_MAX = 70

# What each part may import of our own packages, beside itself. A prefix allows all below it.
ALLOWED: dict[str, tuple[str, ...]] = {
    "failpoints": (),
    "chassis": ("failpoints",),
    "media": ("failpoints",),
    "gateway": ("chassis", "reelsmith", "media.sessions", "media.artifacts", "media.errors"),
    "client": ("chassis", "reelsmith"),
    "deploy": ("chassis",),
    **{f"services.{name}": ("failpoints", "chassis", "media", "reelsmith") for name in SERVICES},
}

# Third-party modules that only the named files of a part may import.
ONLY_IN: dict[str, dict[str, tuple[str, ...]]] = {
    "services": {
        "google.protobuf": ("service.py", "__main__.py"),
        "reelsmith": ("service.py", "__main__.py"),
        "grpc": ("service.py", "__main__.py"),
        "sqlite3": ("store.py", "engines/sqlite.py"),
        "psycopg": ("engines/postgres.py",),
        "cupy": ("backend.py", "kernels/cuda/"),
    },
    # Every process loads the chassis; these come with the extras of those that need them.
    "chassis": {
        "jwt": ("tokens.py", "jwks.py"),
        "redis": ("ledger.py",),
        "cryptography": ("authority.py", "audit/head.py"),
    },
    "gateway": {"starlette": ("http/",), "uvicorn": ("http/",)},  # the service itself knows no HTTP
    "client": {
        "mcp": ("mcp/",),  # loaded for agents alone
        "paho": ("broker.py", "announced.py", "commands/listen.py"),
        "boto3": ("publishing/bucket.py",),
    },
}


@dataclasses.dataclass(frozen=True, slots=True)
class Violation:
    """A line that crosses a border."""

    path: str
    line: int
    rule: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.rule}"


def part_of(path: pathlib.PurePosixPath) -> str:
    """The part a file belongs to: its top folder, or `services.<name>`."""
    return ".".join(path.parts[:2]) if path.parts[0] == "services" else path.parts[0]


def imports(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every imported module with its line; `from a import b` counts as `a.b`, for b may be a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def under(module: str, prefixes: tuple[str, ...]) -> bool:
    """Whether a module is one of the prefixes or lies below one."""
    return any(module == prefix or module.startswith(f"{prefix}.") for prefix in prefixes)


def import_violations(path: pathlib.PurePosixPath, tree: ast.AST) -> Iterator[Violation]:
    """Imports of our own packages that the part may not make."""
    part = part_of(path)
    ours = (*PACKAGES, "reelsmith")
    for module, line in imports(tree):
        if under(module, ours) and not under(module, (part, *ALLOWED.get(part, ours))):
            yield Violation(str(path), line, f"{part} may not import {module}")


def sight_violations(path: pathlib.PurePosixPath, tree: ast.AST) -> Iterator[Violation]:
    """Imports of modules that only named files of the part may see."""
    rules = ONLY_IN.get(path.parts[0], {})
    inside = "/".join(path.parts[2:] if path.parts[0] == "services" else path.parts[1:])
    for module, line in imports(tree):
        for watched, places in rules.items():
            if under(module, (watched,)) and not any(inside == place or place in inside for place in places):
                yield Violation(str(path), line, f"only {', '.join(places)} may import {watched}")


def length_violations(path: pathlib.PurePosixPath, tree: ast.AST) -> Iterator[Violation]:
    """Functions that are longer than a screen."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                yield Violation(str(path), node.lineno, f"{node.name} has {lines} lines, {FUNCTION_LINES_MAX} allowed")


def opening_violations(path: pathlib.PurePosixPath, tree: ast.AST) -> Iterator[Violation]:
    """Calls of `av.open` outside of the files that know the hardened settings, and the one that only writes a film."""
    if str(path) in {"media/source.py", "media/sink.py", "deploy/local/sample_film.py"}:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "av.open":
            yield Violation(str(path), node.lineno, "only media/source.py and media/sink.py may call av.open")


CHECKS = (import_violations, sight_violations, length_violations, opening_violations)


@pytest.fixture(autouse=True)
def no_finalizers() -> Iterator[None]:
    """A finalizer that fails prints a traceback, which parses: CPython 3.11 cannot do that while it parses."""
    gc.disable()
    yield
    gc.enable()


def violations(name: str, text: str) -> list[Violation]:
    """Everything that is wrong with one file."""
    path, tree = pathlib.PurePosixPath(name), ast.parse(text)
    return [found for check in CHECKS for found in check(path, tree)]


def sources() -> list[pathlib.Path]:
    """Every Python file of the product."""
    return sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))


def test_borders_are_kept_in_every_file() -> None:
    """No file of the product crosses a border."""
    found = [item for file in sources() for item in violations(file.relative_to(ROOT).as_posix(), file.read_text())]
    assert [] == [str(item) for item in found]


def test_service_loads_nothing_that_measures() -> None:
    """Loops and the weights of networks are loaded by workers alone: the service starts fast and stays small."""
    said = "import sys, services.analyzer.__main__; print(sorted({'numba', 'mtcnn', 'cupy'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", said], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "[]" == found.stdout.strip()


def test_every_part_has_files_to_check() -> None:
    """The check looks at every part: none is missing or renamed away."""
    assert set(ALLOWED) <= {part_of(pathlib.PurePosixPath(file.relative_to(ROOT).as_posix())) for file in sources()}


LONG = "def f():\n" + "    x = 1\n" * FUNCTION_LINES_MAX


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("services/jobs/plan.py", "from services.analyzer import shots"),
        ("services/jobs/plan.py", "import services.analyzer.shots"),
        ("chassis/client.py", "from reelsmith.jobs.v1 import jobs_pb2"),
        ("chassis/client.py", "import media.pool"),
        ("failpoints/names.py", "from chassis import errors"),
        ("media/pool.py", "from chassis import errors"),
        ("gateway/service.py", "from media import pool"),
        ("client/progress.py", "from services.jobs import store"),
        ("services/jobs/plan.py", "from google.protobuf import message"),
        ("services/jobs/plan.py", "from reelsmith.jobs.v1 import jobs_pb2"),
        ("services/jobs/scheduler.py", "import sqlite3"),
        ("services/jobs/store.py", "import psycopg"),
        ("services/analyzer/shots/cut.py", "import cupy"),
        ("services/analyzer/measure.py", "import av\nav.open('x.mp4')"),
        ("chassis/interceptors/identity.py", "import jwt"),
        ("chassis/identity/transport.py", "from cryptography import x509"),
        ("services/jobs/plan.py", LONG),
        ("gateway/service.py", "from starlette.requests import Request"),
        ("client/gateway.py", "import mcp"),
    ],
)
def test_planted_violation_is_found(name: str, text: str) -> None:
    """The checks are not blind: each kind of violation is found where it is planted."""
    assert 1 == len(violations(name, text))
