"""Going back brings weights and presets back, and no key."""

import pathlib

from chassis.audit import head
from services.config import builtin, lasting, layers, schema, store, versions

KEY = {"sha256": "0" * 64, "role": "editor", "tenant": "acme"}


def test_lasting_section_stays_as_it_is() -> None:
    """What was revoked stays revoked, what was made stays, everything else is as it was."""
    old = {"analyzer": {"weights": {"motion": 1}}, "access": {"keys": {"revoked": KEY}}}
    current = {"analyzer": {"weights": {"motion": 9}}, "access": {"keys": {"new": KEY}}}
    then, now = layers.Content(old, {"jobs": current}), layers.Content(current)
    assert layers.Content(
        {"analyzer": old["analyzer"], "access": current["access"]}, {"jobs": {"analyzer": current["analyzer"]}}
    ) == lasting.kept(then, now)
    assert {"analyzer": old["analyzer"]} == lasting.kept(layers.Content(old), layers.Content({"analyzer": {}})).document


def test_content_that_does_not_speak_of_keys_leaves_them() -> None:
    """Files without the section keep what is in force; files with it decide."""
    current = layers.Content({"access": {"keys": {"one": KEY}}})
    new = layers.Content({"analyzer": {}})
    assert {**new.document, **current.document} == lasting.unsaid(new, current).document
    decided = layers.Content({"access": {}})
    assert decided == lasting.unsaid(decided, current)


async def test_rollback_brings_no_revoked_key_back(tmp_path: pathlib.Path) -> None:
    """A version with a key is gone back to after the key was revoked: the weights return, the key does not."""
    keeper = head.Keeper(tmp_path / "audit.head", head.Signer.load(tmp_path / "audit.key"))
    async with store.Store(tmp_path / "config.sqlite3", keeper) as kept:
        known = versions.Versions(kept, schema.Schema.load(), builtin.load(), "production", 5)
        paths = ["analyzer.weights.motion", "access.keys.0123456789abcdef"]
        both = {"analyzer": {"weights": {"motion": 3}}, "access": {"keys": {"0123456789abcdef": KEY}}}
        await known.update("", versions.patch(paths, both), 0)
        await known.update("", versions.patch(paths, {"analyzer": {"weights": {"motion": 4}}}), 1)
        back = await known.rollback("", 1, 2)
    found = back.content.document
    assert (3, {}) == (found["analyzer"]["weights"]["motion"], found["access"].get("keys", {}))
