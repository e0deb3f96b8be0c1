"""Whether a finished clip is still what its manifest and its credentials say."""

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

BYTES_MAX = 4 << 20  # of a manifest, as the exporter reads
MEDIA_TYPES = {".mp4": "video/mp4"}  # containers that can hold credentials
LABEL = "org.reelsmith.clip"


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Args:
        name: What.
        good: Whether it is as it should be; None where it could not be told.
        text: What was found.
    """

    name: str
    good: bool | None
    text: str


class Unreadable(ValueError):
    """A file is not what it is said to be."""


def manifest_beside(clip: pathlib.Path) -> pathlib.Path | None:
    """The manifest of a clip: in the folder that the command makes beside that of the clips, or next to the clip."""
    name = f"{clip.stem}.manifest.json"
    return next((path for path in (clip.parent.parent / "metadata" / name, clip.parent / name) if path.is_file()), None)


def verify(clip: pathlib.Path, manifest: pathlib.Path | None, trust: str) -> list[Finding]:
    """Looks at a clip.

    Args:
        clip: The file.
        manifest: Its manifest; None to look at the credentials alone.
        trust: Certificates (PEM) whose signatures count as trusted.

    Raises:
        Unreadable: The manifest is none.
    """
    document = _document(manifest) if manifest else None
    return [*(_content(clip, document) if document else ()), *_credentials(clip, document, trust)]


def _document(path: pathlib.Path) -> Mapping[str, Any]:
    if path.stat().st_size > BYTES_MAX:
        raise Unreadable(f"{path} is larger than a manifest")
    try:
        document = json.loads(path.read_bytes())
        clip, source, span = document["clip"], document["source"], document["range"]
        clip["sha256"], clip["size_bytes"], source["sha256"], span["start_frame"], document.get("credentials")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Unreadable(f"{path} is no manifest of a clip: {error!r}") from error
    return document


def _content(clip: pathlib.Path, document: Mapping[str, Any]) -> Iterator[Finding]:
    with clip.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    stated = document["clip"]["sha256"]
    yield Finding("sha256", found == stated, found if found == stated else f"{found}, the manifest says {stated}")
    size_bytes, expected = clip.stat().st_size, document["clip"]["size_bytes"]
    text = f"{size_bytes} bytes"
    yield Finding("size", size_bytes == expected, text if size_bytes == expected else f"{text}, expected {expected}")


def _credentials(clip: pathlib.Path, document: Mapping[str, Any] | None, trust: str) -> Iterator[Finding]:
    expected = bool(document and (document.get("credentials") or {}).get("signed"))
    media_type = MEDIA_TYPES.get(clip.suffix.lower())
    if media_type is None:
        if document is None:
            yield Finding("credentials", None, f"a {clip.suffix or 'file without ending'} cannot hold them")
        return
    try:
        import c2pa  # an extra, needed only here
    except ImportError:
        if expected or document is None:
            yield Finding("credentials", None, "not read: install reelsmith[credentials]")
        return
    settings = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}
    context = c2pa.Context.from_dict(settings | ({"trust": {"trust_anchors": trust}} if trust else {}))
    try:
        with clip.open("rb") as file, c2pa.Reader(media_type, file, context=context) as reader:
            yield from _signed(reader, document, bool(trust))
    except c2pa.C2paError.ManifestNotFound:
        if expected or document is None:
            yield Finding("credentials", False, "none")
    except c2pa.C2paError as error:
        yield Finding("credentials", False, f"cannot be read: {error}")


def _signed(reader: Any, document: Mapping[str, Any] | None, listed: bool) -> Iterator[Finding]:
    """What credentials say; `listed` where it is said who is trusted, so that nobody else is."""
    state, manifest = reader.get_validation_state(), reader.get_active_manifest() or {}
    results = (reader.get_validation_results() or {}).get("activeManifest", {})
    signer = manifest.get("signature_info", {}).get("common_name", "somebody")
    faults = ", ".join(one["code"] for one in results.get("failure", []))
    words = {"Trusted": f"signed by {signer}, who is trusted", "Valid": f"signed by {signer}, who is not known here"}
    good = state == "Trusted" or (state == "Valid" and not listed)
    yield Finding("credentials", good, words.get(state, f"broken: {faults or state}"))
    said = next((one["data"] for one in manifest.get("assertions", []) if one["label"] == LABEL), None)
    if good and document is not None and said is not None:
        same = _named(said) == (document["source"]["sha256"], document["range"])
        yield Finding("source", same, "credentials and manifest name " + ("the same" if same else "different ones"))


def _named(said: Any) -> tuple[Any, Any] | None:
    """The source and the range that credentials name; None where they are not in our words, whoever wrote them."""
    source = said.get("source") if isinstance(said, Mapping) else None
    return (source.get("sha256"), said.get("range")) if isinstance(source, Mapping) else None
