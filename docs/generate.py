"""Writes docs/reference from the sources: protos, settings, metrics and errors.

python docs/generate.py          writes the pages
python docs/generate.py --check  says which are stale, and exits with 1 if any is
"""

import ast
import importlib
import inspect
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator

import prometheus_client
import pydantic_core
from google.protobuf import descriptor_pb2

from chassis import errors as chassis_errors
from chassis import settings as chassis_settings
from media import errors as media_errors

ROOT = pathlib.Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference"
PACKAGES = ("chassis", "media", "services", "gateway")  # what runs as a service
GENERATED = "<!-- Written by docs/generate.py; change the sources and run `make docs`. -->"
FILE_MESSAGES, FILE_ENUMS, FILE_SERVICES = 4, 5, 6  # field numbers of FileDescriptorProto: what paths begin with
MESSAGE_FIELDS, MESSAGE_NESTED, MESSAGE_ENUMS, ENUM_VALUES, SERVICE_METHODS = 2, 3, 4, 2, 2


def cell(text: str) -> str:
    """Text that stays inside one cell of a table."""
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """A table in Markdown."""
    names = list(head)
    lines = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows), ""]


def page(title: str, about: str, lines: Iterable[str]) -> str:
    """A generated page."""
    return "\n".join([f"# {title}", "", GENERATED, "", about, "", *lines]).rstrip() + "\n"


# --- the API ---------------------------------------------------------------------------------------------------------


def descriptors() -> list[descriptor_pb2.FileDescriptorProto]:
    """Every proto of ours with its comments."""
    files = sorted(str(path.relative_to(ROOT / "protos")) for path in (ROOT / "protos" / "reelsmith").rglob("*.proto"))
    with tempfile.NamedTemporaryFile() as out:
        command = [sys.executable, "-m", "grpc_tools.protoc", "-I.", "-Ithird_party", f"-o{out.name}"]
        command += ["--include_source_info", *files]
        subprocess.run(command, cwd=ROOT / "protos", check=True)  # noqa: S603  a command of ours
        found = descriptor_pb2.FileDescriptorSet.FromString(pathlib.Path(out.name).read_bytes())
    return sorted(found.file, key=lambda file: file.package)


class Comments:
    """What a proto says of its elements, by their path."""

    def __init__(self, file: descriptor_pb2.FileDescriptorProto) -> None:
        self._texts = {tuple(one.path): one.leading_comments for one in file.source_code_info.location}

    def of(self, *path: int) -> str:
        """The comment as one line."""
        return cell(self._texts.get(path, ""))


def kind(field: descriptor_pb2.FieldDescriptorProto) -> str:
    """The type of a field as a proto writes it, without our own package's name."""
    name = field.type_name.removeprefix(".").removeprefix("reelsmith.")
    name = name or descriptor_pb2.FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()
    return f"repeated {name}" if field.label == descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED else name


def message(node: descriptor_pb2.DescriptorProto, name: str, path: tuple[int, ...], said: Comments) -> Iterator[str]:
    """A message, what is nested in it, and its enums."""
    if node.options.map_entry:
        return
    yield from (f"### {name}", "", said.of(*path), "")
    rows = [
        (f"`{field.name}`", str(field.number), f"`{kind(field)}`", said.of(*path, MESSAGE_FIELDS, index))
        for index, field in enumerate(node.field)
    ]
    if rows:
        yield from table(("field", "number", "type", ""), rows)
    for index, nested in enumerate(node.nested_type):
        yield from message(nested, f"{name}.{nested.name}", (*path, MESSAGE_NESTED, index), said)
    for index, nested in enumerate(node.enum_type):
        yield from enum(nested, f"{name}.{nested.name}", (*path, MESSAGE_ENUMS, index), said)


def enum(node: descriptor_pb2.EnumDescriptorProto, name: str, path: tuple[int, ...], said: Comments) -> Iterator[str]:
    """An enum with its values."""
    yield from (f"### {name}", "", said.of(*path), "")
    rows = [
        (f"`{value.name}`", str(value.number), said.of(*path, ENUM_VALUES, index))
        for index, value in enumerate(node.value)
    ]
    yield from table(("value", "number", ""), rows)


def service(
    node: descriptor_pb2.ServiceDescriptorProto, package: str, path: tuple[int, ...], said: Comments
) -> Iterator[str]:
    """A service with its methods."""
    repeats = {"NO_SIDE_EFFECTS": "always", "IDEMPOTENT": "yes", "IDEMPOTENCY_UNKNOWN": "no"}
    yield from (f"## {package}.{node.name}", "", said.of(*path), "")
    rows = []
    for index, method in enumerate(node.method):
        takes, gives = (name.rpartition(".")[2] for name in (method.input_type, method.output_type))
        takes, gives = (
            f"stream {takes}" * method.client_streaming or takes,
            f"stream {gives}" * method.server_streaming or gives,
        )
        level = descriptor_pb2.MethodOptions.IdempotencyLevel.Name(method.options.idempotency_level)
        rows.append((f"`{method.name}`", takes, gives, repeats[level], said.of(*path, SERVICE_METHODS, index)))
    yield from table(("method", "takes", "gives", "safe to repeat", ""), rows)


def api() -> str:
    """The page of the API."""
    lines: list[str] = []
    for file in descriptors():
        said = Comments(file)
        for index, node in enumerate(file.service):
            lines += service(node, file.package, (FILE_SERVICES, index), said)
        if not file.service:
            lines += [f"## {file.package}", ""]
        for index, node in enumerate(file.message_type):
            lines += message(node, node.name, (FILE_MESSAGES, index), said)
        for index, node in enumerate(file.enum_type):
            lines += enum(node, node.name, (FILE_ENUMS, index), said)
    about = (
        "Every service, method, message and enum. Any client can read the same by server reflection. A call that is "
        "*always* or *yes* safe to repeat is repeated by our own clients after a failure of the connection."
    )
    return page("API", about, lines)


# --- settings --------------------------------------------------------------------------------------------------------


def settings_classes() -> list[type[chassis_settings.Settings]]:
    """The settings of every process."""
    files = sorted([*ROOT.glob("services/*/settings.py"), *ROOT.glob("gateway/settings.py")])
    names = [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files]
    return [importlib.import_module(name).Settings for name in names]


def default_of(field) -> str:
    """The default as it would be written, or that it depends on the machine."""
    if field.default_factory is not None:
        return "of the machine"
    if field.default is pydantic_core.PydanticUndefined:
        return "required"
    text = str(field.default.get_secret_value() if hasattr(field.default, "get_secret_value") else field.default)
    return f"`{text}`" if text not in ("", "None") else "none"


def limits_of(field) -> str:
    """The range or the choice that a field allows."""
    choices = getattr(field.annotation, "__args__", ())
    if choices and all(isinstance(choice, str) for choice in choices):
        return ", ".join(f"`{choice}`" for choice in choices)
    signs = {"ge": "≥", "gt": "&gt;", "le": "≤", "lt": "&lt;"}
    found = [(sign, getattr(rule, name, None)) for rule in field.metadata for name, sign in signs.items()]
    return ", ".join(f"{sign} {value:,}" for sign, value in found if value is not None)


def settings_rows(cls: type[chassis_settings.Settings], prefix: str, names: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """A row for each field of a class."""
    for name in names:
        field = cls.model_fields[name]
        variable = field.validation_alias if isinstance(field.validation_alias, str) else f"{prefix}{name.upper()}"
        yield f"`{variable}`", default_of(field), limits_of(field), cell(field.description or "")


def settings() -> str:
    """The page of the settings."""
    head = ("variable", "default", "allowed", "")
    shared = chassis_settings.Settings.model_fields
    lines = ["## Of every process", ""]
    lines += table(head, settings_rows(chassis_settings.Settings, "REELSMITH_", shared))
    for cls in settings_classes():
        own = [name for name in cls.model_fields if name not in shared]
        changed = [name for name in shared if cls.model_fields[name].default != shared[name].default]
        lines += [f"## Of {cls.name}", ""]
        lines += table(head, settings_rows(cls, f"REELSMITH_{cls.name.upper()}_", [*changed, *own]))
    about = (
        "A process is told by its environment. `REELSMITH_<SERVICE>_<FIELD>` is for one service, `REELSMITH_<FIELD>` "
        "for all; the first wins. Weights and presets are not settings: they are the "
        "[configuration](../concepts.md#configuration), which changes while everything runs. OpenTelemetry's own "
        "variables, such as `OTEL_EXPORTER_OTLP_ENDPOINT` and `OTEL_TRACES_SAMPLER`, keep their names."
    )
    return page("Settings", about, lines)


# --- metrics ---------------------------------------------------------------------------------------------------------


def measuring() -> list[str]:
    """Modules that define metrics."""
    files = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))
    found = [file for file in files if "prometheus_client." in file.read_text() and "testing" not in file.parts]
    names = [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in found]
    return [name.removesuffix(".__init__") for name in names if not name.endswith(".__main__")]


def families() -> dict[str, tuple[str, str, str]]:
    """Type, labels and words of every metric, by the name that a query uses."""
    found: dict[str, tuple[str, str, str]] = {}
    for name in measuring():
        importlib.import_module(name)
    collectors = set(prometheus_client.REGISTRY._collector_to_names)
    for collector in collectors:
        for family in collector.collect():
            labels = getattr(collector, "_labelnames", ()) or getattr(family, "_labelnames", ())
            ending = "_total" if family.type == "counter" else ""
            shown = ", ".join(f"`{label}`" for label in labels if label != "le")
            found[f"{family.name}{ending}"] = (family.type, shown, family.documentation)
    return found


def metrics() -> str:
    """The page of the metrics."""
    rows = [
        (f"`{name}`", sort, labels, cell(words))
        for name, (sort, labels, words) in sorted(families().items())
        if name.startswith(("reelsmith_", "process_"))
    ]
    about = (
        "Each process offers these as Prometheus text at `/metrics` on its metrics port "
        "(`REELSMITH_<SERVICE>_METRICS_PORT`; 51050 to 51054 in a suite that `reelsmith up` started). A scraper that "
        "asks for OpenMetrics also gets the trace of an example for each bucket and counter. Histograms end in "
        "`_bucket`, `_sum` and `_count`."
    )
    return page("Metrics", about, table(("name", "type", "labels", ""), rows))


# --- errors ----------------------------------------------------------------------------------------------------------


def template(node: ast.expr | None) -> str:
    """A message with its changing parts as `…`."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
    return "…"


def raised(file: pathlib.Path) -> Iterator[tuple[str, str, str]]:
    """Reason, code and message of each error that a file makes with a reason of its own."""
    tree = ast.parse(file.read_text())
    constants = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        code = CODES.get(node.func.attr)
        reason = next((one.value for one in node.keywords if one.arg == "reason"), None)
        if isinstance(reason, ast.Name) and reason.id in constants:
            reason = ast.Constant(constants[reason.id])
        if code and isinstance(reason, ast.Constant) and isinstance(reason.value, str) and reason.value.isupper():
            yield reason.value, code, template(node.args[0] if node.args else None)


def codes() -> dict[str, str]:
    """The status code of each class of errors, by its name."""
    ours = inspect.getmembers(
        chassis_errors, lambda one: inspect.isclass(one) and issubclass(one, chassis_errors.Error)
    )
    media = inspect.getmembers(
        media_errors, lambda one: inspect.isclass(one) and issubclass(one, media_errors.MediaError)
    )
    return {name: one.code_name for name, one in media} | {name: one.code.name for name, one in ours}


CODES = codes()


def errors() -> str:
    """The page of the reasons."""
    found: dict[tuple[str, str], dict[str, set[str]]] = {}
    for name, one in inspect.getmembers(media_errors, inspect.isclass):
        if issubclass(one, media_errors.MediaError) and one is not media_errors.MediaError:
            words = (one.__doc__ or name).splitlines()[0].split(":")[0]
            found[one.default_reason, one.code_name] = {"text": {words.rstrip(".")}, "where": {"media"}}
    for file in sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py")):
        part = ".".join(file.relative_to(ROOT).parts[: 2 if file.relative_to(ROOT).parts[0] == "services" else 1])
        if "testing" not in file.parts:
            for reason, code, text in raised(file):
                entry = found.setdefault((reason, code), {"text": set(), "where": set()})
                entry["text"].add(text)
                entry["where"].add(part.removesuffix(".py"))
    rows = [
        (
            f"`{reason}`",
            f"`{code}`",
            "; ".join(cell(text) for text in sorted(one["text"])),
            ", ".join(sorted(one["where"])),
        )
        for (reason, code), one in sorted(found.items())
    ]
    about = (
        "Every failure is a gRPC status with a `google.rpc.ErrorInfo` of the domain `reelsmith`: programs read its "
        "`reason` and metadata, people its message. `BadRequest` names bad fields, `RetryInfo` says when a retry "
        "helps. `INTERNAL` and `UNKNOWN` mean a bug of ours. `…` stands for what changes."
    )
    return page("Errors", about, table(("reason", "code", "message", "from"), rows))


PAGES = {"api.md": api, "settings.md": settings, "metrics.md": metrics, "errors.md": errors}


def stale() -> list[str]:
    """Pages that are not what the sources say."""
    return [
        name
        for name, write in PAGES.items()
        if not (REFERENCE / name).is_file() or (REFERENCE / name).read_text() != write()
    ]


def main() -> None:
    """Writes the pages, or says which are stale."""
    if "--check" in sys.argv[1:]:
        if found := stale():
            sys.exit(f"stale, run `make docs`: {', '.join(found)}")
        return
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for name, write in PAGES.items():
        (REFERENCE / name).write_text(write())


if __name__ == "__main__":
    main()
