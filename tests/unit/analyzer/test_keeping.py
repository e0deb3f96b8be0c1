"""What was found is known by all that it depends on, and comes back as it was."""

import importlib.metadata
import pathlib

import pytest

from media import cache
from services.analyzer import document, edition, keeping

REQUEST = {"measures": [], "start_s": 0.0, "end_s": None, "threads": 2, "every_frame": False, "evidence": False}


def test_cache_without_a_folder_is_none(tmp_path: pathlib.Path) -> None:
    """A disk that cannot be written is no reason not to serve."""
    (tmp_path / "file").write_bytes(b"")
    assert keeping.opened(cache.Settings(tmp_path / "file" / "cache", 1000)) is None
    assert keeping.opened(cache.Settings(tmp_path / "cache", 0)) is None
    assert keeping.opened(cache.Settings(tmp_path / "cache", 1000)) is not None


def test_key_changes_with_whatever_matters(monkeypatch) -> None:
    """The source, the text with it, what is asked, and the code; not with how many threads do it."""
    keys = [
        keeping.key("a", "", REQUEST),
        keeping.key("b", "", REQUEST),
        keeping.key("a", "w", REQUEST),
        keeping.key("a", "", {**REQUEST, "end_s": 3.0}),
        keeping.key("a", "", {**REQUEST, "evidence": True}),
    ]
    assert len(set(keys)) == len(keys)
    assert keys[0] == keeping.key("a", "", {**REQUEST, "threads": 8, "every_frame": True})
    monkeypatch.setattr(edition, "digest", lambda: "another")
    assert keys[0] != keeping.key("a", "", REQUEST)


@pytest.mark.parametrize("name", ["numpy", "faster-whisper", "ctranslate2"])
def test_edition_changes_with_every_library(monkeypatch, name: str) -> None:
    """Also with one that is an extra, and with its absence."""
    known = dict.fromkeys(edition.LIBRARIES, "1")

    def version(asked: str) -> str:
        if asked not in known:
            raise importlib.metadata.PackageNotFoundError(asked)
        return known[asked]

    monkeypatch.setattr(importlib.metadata, "version", version)
    found = {edition.digest.__wrapped__()}
    known[name] = "2"
    found.add(edition.digest.__wrapped__())
    del known[name]
    assert 3 == len(found | {edition.digest.__wrapped__()})


def test_finding_comes_back_with_the_same_bytes() -> None:
    """But for the name, which is that of the source as it is named now."""
    found = {"curve": {"motion": [0.1, 1 / 3, None, 2.0, -0.0]}, "source": {"name": "a.mp4"}, "version": "1"}
    packed = keeping.packed(keeping.Finding(found, {"format": "mp4"}))
    back = keeping.unpacked(packed, "a.mp4")
    assert document.encode(found) == document.encode(back.document)
    assert {"format": "mp4"} == back.media
    assert "b.mp4" == keeping.unpacked(packed, "b.mp4").document["source"]["name"]
