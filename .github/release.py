"""Prints the notes of a release from the changelog: `python3 .github/release.py v1.2.3`."""

import pathlib
import re
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent


def notes(tag: str, root: pathlib.Path = ROOT) -> str:
    """What the changelog says of a version.

    Args:
        tag: The version with a `v` before it.
        root: The folder of changelog and project.

    Raises:
        ValueError: The project has another version, or the changelog says nothing of this one.
    """
    version = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    if tag != f"v{version}":
        raise ValueError(f"the tag is {tag}, the project is {version}")
    text = (root / "CHANGELOG.md").read_text()
    found = re.search(rf"^## \[{re.escape(version)}\].*?\n(.*?)(?=^## \[|\Z)", text, re.MULTILINE | re.DOTALL)
    if not found or not found[1].strip():
        raise ValueError(f"the changelog says nothing of {version}")
    return found[1].strip() + "\n"


if __name__ == "__main__":
    try:
        sys.stdout.write(notes(sys.argv[1]))
    except ValueError as error:
        sys.exit(str(error))
