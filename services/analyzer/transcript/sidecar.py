"""Reads a file of subtitles that lies beside a source or was named by the caller."""

import codecs
import hashlib
import re
from typing import BinaryIO

from media import errors, sessions
from services.analyzer.transcript import cue, script, subrip, webvtt

BYTES_MAX = 16 << 20  # a hundred hours of talk
CUES_MAX = 200_000  # as many hours of cues of two seconds
MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
FALLBACK = "cp1252"  # what programs for Windows write where they do not write Unicode
NAMED = re.compile(rf"\.({sessions.LANGUAGE})\.[A-Za-z]+$")  # talk.en.srt, talk.pt-BR.vtt


def read(file: BinaryIO, name: str) -> script.Script:
    """The transcript in a file, told by its content: WebVTT by its first word, all else is SubRip.

    Args:
        file: The open file.
        name: Its name, which may say the language.

    Raises:
        errors.Unreadable: It holds no cue (NOT_A_TRANSCRIPT).
        errors.Refused: It is larger than any transcript (TOO_LARGE).
        errors.StorageFailed: The disk could not be read.
    """
    try:
        content = file.read(BYTES_MAX + 1)
    except OSError as error:
        raise errors.StorageFailed(f"{name} cannot be read: {error.strerror}") from error
    if len(content) > BYTES_MAX:
        raise errors.Refused(f"{name} has more than {BYTES_MAX >> 20} MiB", reason="TOO_LARGE")
    text = decoded(content)
    spoken = webvtt if text.startswith(webvtt.SIGNATURE) else subrip
    raws, bad = spoken.parse(text) if "\0" not in text else ([], 0)
    cues = cue.made(raws[:CUES_MAX])
    if not cues:
        detail = f"{bad} lines of timing make no sense" if bad else "no line of timing"
        raise errors.Unreadable(f"{name} holds no subtitles: {detail}", reason="NOT_A_TRANSCRIPT")
    named = NAMED.search(name)
    language = webvtt.language(text) if spoken is webvtt else ""
    return script.Script(
        source="sidecar",
        format=spoken.__name__.rsplit(".", 1)[-1],
        language=language or (named.group(1) if named else ""),
        cues=cues,
        name=name,
        sha256=hashlib.sha256(content).hexdigest(),
    )


def decoded(content: bytes) -> str:
    """The text: as its mark says, else UTF-8, else that of older programs."""
    for mark, encoding in MARKS.items():
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, "replace")
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode(FALLBACK, "replace")
