"""API keys: shown once, kept as a hash, good until they expire or are revoked."""

import datetime
import hashlib

import pytest

from chassis import errors
from chassis.identity import bearer, caller, keys

DAY = datetime.timedelta(days=1)


def test_key_stands_for_its_role_and_tenant() -> None:
    """Who has the key is who it was made for."""
    made = keys.make(caller.Role.EDITOR, "acme", DAY)
    who = keys.Keys({made.id: made.entry}).identify(made.token)
    assert caller.Caller(caller.Kind.KEY, made.id, "acme", caller.Role.EDITOR) == who


def test_what_is_kept_does_not_tell_the_key() -> None:
    """Only the hash of 256 random bits is kept, and none of the bits."""
    made = keys.make(caller.Role.ADMIN, "acme", None, "for the page")
    secret = made.token.rpartition("_")[2]
    assert 32 == len(bytes.fromhex(secret))
    assert hashlib.sha256(made.token.encode()).hexdigest() == made.entry["sha256"]
    assert secret not in str(made.entry)


def test_key_ends_when_it_expires() -> None:
    """A second before its end it is good, at its end it is not; the refusal says which key it was."""
    made = keys.make(caller.Role.EDITOR, "acme", DAY)
    end_s = keys.read_time(made.entry["expire_time"])
    assert keys.Keys({made.id: made.entry}, now=lambda: end_s - 1).identify(made.token)
    with pytest.raises(errors.Unauthenticated, match=made.id) as refused:
        keys.Keys({made.id: made.entry}, now=lambda: end_s).identify(made.token)
    assert "KEY_EXPIRED" == refused.value.reason


def test_other_keys_are_refused_alike() -> None:
    """A revoked key, a wrong secret, another identifier, a prefix and an empty word all get the same answer."""
    made, other = keys.make(caller.Role.EDITOR, "acme", DAY), keys.make(caller.Role.ADMIN, "acme", DAY)
    known = keys.Keys({made.id: made.entry})
    swapped = f"{keys.PREFIX}_{made.id}_{other.token.rpartition('_')[2]}"
    for token in (other.token, swapped, made.token[:-1], made.token.upper(), made.token + "0", "", "reelsmith_"):
        with pytest.raises(errors.Unauthenticated) as refused:
            known.identify(token)
        assert "KEY_UNKNOWN" == refused.value.reason


@pytest.mark.parametrize(
    "change", [{"role": "king"}, {"tenant": "../x"}, {"sha256": "00"}, {"sha256": "zz"}, {"expire_time": "soon"}]
)
def test_entry_that_cannot_be_read_is_refused_as_a_whole(change: dict[str, str]) -> None:
    """A version of the configuration with such an entry does not come into force: the one before it stays."""
    made = keys.make(caller.Role.EDITOR, "acme", DAY)
    with pytest.raises(ValueError, match=r"access.keys|fromhex|time data"):
        keys.Keys({made.id: {**made.entry, **change}})


def test_header_is_one_bearer() -> None:
    """The scheme is written in any case; nothing, another scheme and two headers are refused."""
    assert ("x", "x") == (bearer.read(["Bearer x"]), bearer.read(["bearer  x "]))
    for sent in ([], ["Basic x"], ["Bearer "], ["Bearer"], ["Bearer x", "Bearer y"], ["Bearer " + "x" * 9000]):
        with pytest.raises(errors.Unauthenticated):
            bearer.read(sent)
