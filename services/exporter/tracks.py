"""Which sound of a source is heard: what the caller names, else what the rule of `media.source` picks."""

from typing import Any

import av.stream

from media import errors as media_errors
from media import source
from services.exporter import asked, tightening


def choose(opened: source.Source, choice: asked.Track) -> None:
    """Makes the named track the one that is listened to.

    Args:
        opened: the source; its `audio` is changed.
        choice: by number among the audio streams, or by language; a language that no track has changes nothing.

    Raises:
        media_errors.Unreadable: there is no such track, or nothing decodes it (NO_SUCH_TRACK).
    """
    streams = opened.container.streams.audio
    if choice.number is not None:
        if choice.number >= len(streams) or not source.decodable(streams[choice.number]):
            raise media_errors.Unreadable(
                f"the source has no audio track {choice.number} that can be decoded; it has {len(streams)}",
                reason="NO_SUCH_TRACK",
            )
        found = streams[choice.number]
    else:
        wanted = tightening.language(choice.language)
        named = [one for one in streams if wanted and tightening.language(one.language) == wanted]
        found = source.preferred_audio(named)
    if found is not None and found is not opened.audio:
        found.codec_context.options = opened.limits.decoder_options()
        opened.audio = found


def facts(opened: source.Source) -> dict[str, Any] | None:
    """The track that is listened to, for the manifest."""
    if opened.audio is None:
        return None
    streams = opened.container.streams.audio
    context = opened.audio.codec_context
    return {
        "number": next(number for number, one in enumerate(streams) if one.index == opened.audio.index),
        "of": len(streams),
        "language": opened.audio.language,
        "layout": context.layout.name if context.layout else "",
        "default": bool(opened.audio.disposition & av.stream.Disposition.default),
    }
