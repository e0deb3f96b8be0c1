"""Version 0: the document that every environment starts from, one file per section."""

import json
import pathlib

from services.config import document

FOLDER = pathlib.Path(__file__).with_name("defaults")


def load(folder: pathlib.Path = FOLDER) -> document.Document:
    """The built-in document: the content of `defaults/<section>.json` under the name of each section."""
    return document.normalized({file.stem: json.loads(file.read_text()) for file in sorted(folder.glob("*.json"))})
