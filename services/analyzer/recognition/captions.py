"""Makes what is shown at once out of recognized words, as people write subtitles."""

from collections.abc import Iterator, Sequence

from services.analyzer.transcript import cue, markup, sentences

LETTERS_MAX = 84  # two lines of 42, as subtitles have
LONGEST_S = 7.0  # that a subtitle is shown


def cues(words: Sequence[cue.Word]) -> list[cue.Cue]:
    """Cues that end with a sentence, before a pause, and before they are too long to be read.

    Args:
        words: In the order of time, each with the space before it where the script has such.
    """
    return [_cue(held) for held in _groups(words)]


def _groups(words: Sequence[cue.Word]) -> Iterator[list[cue.Word]]:
    held: list[cue.Word] = []
    for word in words:
        if held and _parts(held, word):
            yield held
            held = []
        held.append(word)
    if held:
        yield held


def _parts(held: Sequence[cue.Word], word: cue.Word) -> bool:
    """Whether a word begins a cue of its own after those before it."""
    letters = sum(len(one.text) for one in held) + len(word.text)
    return (
        sentences.ends(held[-1].text.strip())
        or word.start_s - held[-1].end_s >= sentences.PAUSE_S
        or letters > LETTERS_MAX
        or word.end_s - held[0].start_s > LONGEST_S
    )


def _cue(held: Sequence[cue.Word]) -> cue.Cue:
    bare = tuple(cue.Word(one.start_s, one.end_s, markup.plain(one.text), one.probability) for one in held)
    return cue.Cue(held[0].start_s, held[-1].end_s, markup.plain("".join(one.text for one in held)), bare)
