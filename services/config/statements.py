"""Statements of SQL, kept beside the module that runs them."""

import pathlib
import re

STATEMENT = re.compile(r"^-- name: (\w+)\n(.*?)(?=^-- name: |\Z)", re.MULTILINE | re.DOTALL)


def beside(module: str) -> dict[str, str]:
    """The statements of the `.sql` file beside a module, by name.

    Args:
        module: Its `__file__`.
    """
    return dict(STATEMENT.findall(pathlib.Path(module).with_suffix(".sql").read_text()))
