"""Writes what the settings of every service say into the configuration service: `python -m tests.settings_schema`.

A service may not import another one; the file between them is generated from the settings' own models, and
`tests/unit/config/test_settings_schema.py` keeps it fresh.
"""

import json
import pathlib
from typing import Any

import pydantic_core

from chassis import settings as chassis_settings
from chassis import steering
from gateway import settings as gateway
from services.analyzer import settings as analyzer
from services.config import settings as config
from services.exporter import settings as exporter
from services.jobs import settings as jobs

ROOT = pathlib.Path(__file__).resolve().parent.parent
FILE = ROOT / "services" / "config" / "settings.schema.json"
KINDS: tuple[type[chassis_settings.Settings], ...] = tuple(
    module.Settings for module in (analyzer, config, exporter, gateway, jobs)
)


def described(kind: type[chassis_settings.Settings]) -> dict[str, Any]:
    """The live settings of a service as JSON Schema, and its other ones with the variables that set them."""
    live, restart = {}, {}
    for name, field in kind.model_fields.items():
        default = {} if field.default is pydantic_core.PydanticUndefined else {"default": field.default}
        if name in kind.live:
            live[name] = {"description": field.description, **steering.rules(kind, name).json_schema(), **default}
        else:
            prefix = f"REELSMITH_{kind.name.upper()}_"
            variable = field.validation_alias or f"{prefix}{name.upper()}"
            restart[name] = {"description": field.description, "variable": variable}
    return {"live": live, "restart": restart}


def text() -> str:
    """The file."""
    return json.dumps({kind.name: described(kind) for kind in KINDS}, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
