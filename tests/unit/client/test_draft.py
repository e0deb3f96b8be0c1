"""What is said about a clip is drafted from what is said in it."""

from client.publishing import draft, post


def spoken(*texts: str) -> list[draft.Said]:
    """A transcript with a piece every ten seconds."""
    return [draft.Said(10.0 * index, 10.0 * index + 9, text) for index, text in enumerate(texts)]


TALK = spoken(
    "Welcome everybody to the show about things.",
    "Rockets need fuel. Rockets burn methane, and engines",
    "burn it with oxygen about everything.",
    "And now about gardens, everybody.",
    "Gardens need water, everybody knows things about gardens.",
)


def test_title_is_the_first_sentence_and_tags_are_what_is_said_here_alone() -> None:
    """Words that are said everywhere are no hashtags, and wanted ones that are said come first."""
    text = draft.drafted(TALK, [(10, 30)], "show", ["Methane", "never said"])
    assert "Rockets need fuel." == text.title
    assert text.description.startswith("Rockets need fuel. Rockets burn methane")
    assert ["methane", "rockets"] == list(text.hashtags[:2])
    assert not {"about", "everybody", "never"} & set(text.hashtags)


def test_only_words_of_the_clip_are_used() -> None:
    """Every word of a draft is said in the clip, and the order is that of the clip."""
    text = draft.drafted(TALK, [(30, 50), (0, 9)], "show")
    heard = " ".join(one.text for one in (*TALK[3:], TALK[0])).casefold()
    assert text.title in "And now about gardens, everybody."
    assert all(tag in heard for tag in text.hashtags)
    assert text.description.endswith("about things.")


def test_silent_clip_is_named_by_its_video_and_time() -> None:
    """Nothing is made up where nothing is said."""
    assert post.Text("show, 1:40") == draft.drafted(TALK, [(100, 130)], "show")
    assert post.Text("0:05") == draft.drafted([], [(5, 9)], "")
    assert [] == draft.said({"transcript": None})


def test_long_sentences_are_cut_at_a_word() -> None:
    """A title fits a line, in scripts without spaces too."""
    for word in ("wonderful ", "\u4e16\u754c\u4e16\u754c"):
        title = draft.drafted(spoken(word * 60), [(0, 9)], "").title
        assert len(title) <= draft.TITLE_LENGTH_MAX
        assert title.endswith("\u2026")
        assert title[:-1].rstrip() in word * 60
