"""Signed credentials in finished clips: made in a worker, read back, broken by any change."""

import datetime
import importlib.util
import json
import pathlib
import types
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from chassis import errors
from client import verification
from media import errors as media_errors
from media import pool, sessions
from services.exporter import exports, gate, passing, progress, provenance, survey, warm

Film = Callable[..., pathlib.Path]
WANTED = survey.Wanted(frames=(6, 42))
DAYS = 2


def quiet(now: object) -> None:
    """Takes progress and does nothing."""


def certificate(name: str, key: Any, issuer: str, issuer_key: Any, authority: bool) -> str:
    """A certificate as PEM, good for signing content."""
    now = datetime.datetime.now(datetime.UTC)

    def named(text: str) -> x509.Name:
        parts = ((NameOID.ORGANIZATION_NAME, "Test"), (NameOID.COMMON_NAME, text))
        return x509.Name([x509.NameAttribute(kind, part) for kind, part in parts])

    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only",
         "decipher_only"), False,
    )  # fmt: skip
    usage |= {"digital_signature": True, "key_cert_sign": authority, "crl_sign": authority}
    builder = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=DAYS))
        .add_extension(x509.BasicConstraints(authority, None), True)
        .add_extension(x509.KeyUsage(**usage), True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    )
    if not authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False)
    made = builder.sign(issuer_key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


def secret(key: Any) -> tuple[str, str]:
    """What the secret holds, and the certificate of the authority."""
    root = ec.generate_private_key(ec.SECP256R1())
    authority = certificate("Authority", root, "Authority", root, True)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    return private + certificate("Studio", key, "Authority", root, False) + authority, authority


@pytest.fixture(scope="module")
def identity(tool_missing: Callable[[str], None]) -> tuple[str, str]:
    """A key with its certificates, and the authority."""
    if importlib.util.find_spec("c2pa") is None:
        tool_missing("reelsmith[credentials] is not installed")
    return secret(ec.generate_private_key(ec.SECP256R1()))


@pytest.fixture
def workers(identity: tuple[str, str]) -> pool.Pool:
    """A pool that can sign."""
    preload = (*warm.PRELOAD, provenance.PRELOAD)
    return pool.Pool(pool.PoolSettings(workers=1, memory_bytes=3 << 30, preload=preload))


def signing(workers: pool.Pool, pem: str, trust: str = "") -> provenance.Signer:
    """A signer whose secret holds a text."""

    async def credentials() -> str:
        return pem

    return provenance.Signer(workers, credentials, trust)


def exporter(tmp_path: pathlib.Path, workers: pool.Pool, signer: provenance.Signer) -> exports.Exporter:
    """An exporter that signs."""
    root = tmp_path / "store"
    storage = exports.Storage(sessions.Sessions(root), sessions.Sources(sessions.Uploads(root)))
    return exports.Exporter(workers, storage, lambda: ({}, 0), exports.Limits(2, 300, 300, 60), signer)


@pytest.mark.parametrize("preset", ["default", "source"])
async def test_signed_clip_says_what_it_is_and_any_change_shows(
    tmp_path: pathlib.Path, workers: pool.Pool, session: sessions.Session, order: Any, film: Film,
    identity: tuple[str, str], preset: str,
) -> None:  # fmt: skip
    """Rendered or cut: the gate has passed the signed bytes; one byte of the picture is enough to break the seal."""
    pem, authority = identity
    async with workers:
        maker = exporter(tmp_path, workers, signing(workers, pem, authority))
        made = await maker.export(order(film("film.mp4", container="mp4"), WANTED, preset=preset), quiet)
        checks = await maker.verify(session.id, made.clip.path, made.manifest.path)
    assert [] == [one for one in checks if one.state == gate.FAILED]
    assert ["Trusted"] == [one.measured for one in checks if one.name == "credentials"]
    clip, manifest = session.root / made.clip.path, session.root / made.manifest.path
    document = json.loads(manifest.read_bytes())
    assert {"signed": True, "signer": "Studio"} == document["credentials"]
    assert (preset == "source") == document["smart_cut"]["used"]
    assert manifest == verification.manifest_beside(clip)
    found = verification.verify(clip, manifest, authority)
    assert ["sha256", "size", "credentials", "source"] == [one.name for one in found if one.good]
    unknown = verification.verify(clip, None, "")
    assert [(True, "signed by Studio, who is not known here")] == [(one.good, one.text) for one in unknown]
    data = bytearray(clip.read_bytes())
    data[-1000] ^= 1
    clip.write_bytes(data)
    broken = {one.name: one.good for one in verification.verify(clip, manifest, authority)}
    assert {"sha256": False, "size": True, "credentials": False} == broken


CLAIM = provenance.claim("film.mp4", {"version": "1", "source": {"sha256": "00"}, "range": {}}, copied=True)


async def signed(workers: pool.Pool, film: pathlib.Path, pem: str) -> gate.Check:
    """Signs a film in its place and reads it again."""
    signer = signing(workers, pem)
    with film.open("r+b") as file:
        await signer.sign(file, "mp4", film.parent, CLAIM)
        return await signer.check(file, "mp4")


async def test_other_kinds_of_keys_sign_too(workers: pool.Pool, film: Film, identity: tuple[str, str]) -> None:
    """Curve P-384 and Ed25519."""
    async with workers:
        for key in (ec.generate_private_key(ec.SECP384R1()), ed25519.Ed25519PrivateKey.generate()):
            check = await signed(workers, film("film.mp4", container="mp4"), secret(key)[0])
            assert gate.PASSED == check.state


async def test_secret_that_cannot_sign_says_why_and_tells_no_key(
    workers: pool.Pool, film: Film, identity: tuple[str, str]
) -> None:
    """No key, no certificate, a kind of key that C2PA does not know, a key of another certificate."""
    pem, other = identity[0], secret(ec.generate_private_key(ec.SECP256R1()))[0]
    start = pem.index(provenance.CERTIFICATE)
    broken = {
        "no private key": "no key at all",
        "no certificate": pem[:start],
        "none of P-256, P-384, Ed25519": secret(ec.generate_private_key(ec.SECP521R1()))[0],
        "cannot be signed": pem[:start] + other[other.index(provenance.CERTIFICATE) :],
    }
    source = film("film.mp4", container="mp4")
    before = source.read_bytes()
    async with workers:
        for words, text in broken.items():
            with pytest.raises(errors.FailedPrecondition, match=words) as raised:
                await signed(workers, source, text)
            assert provenance.UNSIGNED == raised.value.reason
            assert not any(line in str(raised.value) for line in text.splitlines() if len(line) > 20)
    assert before == source.read_bytes()


async def test_clip_that_cannot_be_signed_is_not_delivered(
    tmp_path: pathlib.Path, workers: pool.Pool, session: sessions.Session, order: Any, film: Film,
) -> None:  # fmt: skip
    """It fails, and nothing of it stays."""
    async with workers:
        maker = exporter(tmp_path, workers, signing(workers, "no key at all"))
        with pytest.raises(errors.FailedPrecondition, match="no private key"):
            await maker.export(order(film("film.mkv"), WANTED), quiet)
    assert not list((session.root / "final_output").iterdir())


async def test_container_without_room_for_credentials_is_delivered_unsigned(
    tmp_path: pathlib.Path, workers: pool.Pool, session: sessions.Session, order: Any, film: Film,
    identity: tuple[str, str],
) -> None:  # fmt: skip
    """C2PA knows no Matroska: the manifest says so."""
    async with workers:
        maker = exporter(tmp_path, workers, signing(workers, identity[0]))
        made = await maker.export(order(film(), WANTED, preset="source"), quiet)
    document = json.loads(session.read(made.manifest.path, 1 << 20))
    assert {"signed": False, "reason": "mkv cannot hold them"} == document["credentials"]


async def test_clip_without_credentials_fails_the_check(workers: pool.Pool, film: Film) -> None:
    """A control of the check: a film that nobody signed."""
    async with workers:
        with film("film.mp4", container="mp4").open("rb") as file:
            check = await signing(workers, "").check(file, "mp4")
    assert (gate.FAILED, "none") == (check.state, check.measured)


async def test_only_who_is_trusted_passes_where_that_is_said(
    tmp_path: pathlib.Path, workers: pool.Pool, film: Film, identity: tuple[str, str]
) -> None:
    """A stranger's seal is whole and still no good, for the command and for the service."""
    clip, stranger = film("film.mp4", container="mp4"), secret(ec.generate_private_key(ec.SECP256R1()))
    async with workers:
        await signed(workers, clip, stranger[0])
        with clip.open("rb") as file:
            checks = [await signing(workers, "", trust).check(file, "mp4") for trust in ("", stranger[1], identity[1])]
    assert [gate.PASSED, gate.PASSED, gate.FAILED] == [one.state for one in checks]
    found = [verification.verify(clip, None, trust)[0].good for trust in ("", stranger[1], identity[1])]
    assert [True, True, False] == found


@pytest.mark.parametrize("about", [{"version": "1"}, {"version": "1", "source": "film", "range": 7}])
async def test_credentials_in_other_words_are_of_another_source(
    tmp_path: pathlib.Path, workers: pool.Pool, film: Film, identity: tuple[str, str], about: dict[str, Any]
) -> None:
    """Whoever used our label for something else gets a finding, not a traceback."""
    clip, path = film("film.mp4", container="mp4"), tmp_path / "film.manifest.json"
    document = {"clip": {"sha256": "00", "size_bytes": 1}, "source": {"sha256": "00"}, "range": {"start_frame": 0}}
    path.write_text(json.dumps(document))
    async with workers:
        with clip.open("r+b") as file:
            await signing(workers, identity[0]).sign(
                file, "mp4", tmp_path, provenance.claim("film", about, copied=True)
            )
    found = {one.name: one.good for one in verification.verify(clip, path, identity[1])}
    assert (True, False) == (found["credentials"], found["source"])


def test_full_disk_is_no_fault_of_the_clip(film: Film, identity: tuple[str, str]) -> None:
    """It is told as what it is, and tried again when there is room."""
    request = {"pem": identity[0], "media_type": "video/mp4", "manifest": CLAIM}
    with film("film.mp4", container="mp4").open("rb") as clip, open("/dev/full", "r+b", buffering=0) as full:
        files = types.SimpleNamespace(inputs={"clip": clip}, outputs={"clip": full})
        with pytest.raises(media_errors.StorageFull, match="No space left"):
            provenance.sign(request, files, quiet)


async def test_cut_that_fails_once_it_is_signed_is_rendered(
    tmp_path: pathlib.Path, workers: pool.Pool, session: sessions.Session, order: Any, film: Film,
    identity: tuple[str, str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """As one that fails before; the manifest says why."""

    async def failing(*_: object) -> tuple[gate.Check, ...]:
        return (gate.Check("copied", gate.FAILED, "other bytes", "the same bytes"),)

    monkeypatch.setattr(passing.Cutter, "verify", failing)
    async with workers:
        maker = exporter(tmp_path, workers, signing(workers, identity[0]))
        made = await maker.export(order(film("film.mp4", container="mp4"), WANTED, preset="source"), quiet)
    document = json.loads(session.read(made.manifest.path, 1 << 20))
    assert (False, True) == (document["smart_cut"]["used"], document["credentials"]["signed"])
    assert "once it was signed" in document["smart_cut"]["reason"]


async def test_secret_that_is_away_fails_the_clip_before_it_is_rendered(
    tmp_path: pathlib.Path, workers: pool.Pool, order: Any, film: Film
) -> None:
    """Nothing is made that could not be signed."""
    heard: list[progress.Progress] = []

    async def away() -> str:
        raise errors.Unavailable("no configuration service", reason="AWAY")

    async with workers:
        maker = exporter(tmp_path, workers, provenance.Signer(workers, away))
        with pytest.raises(errors.Unavailable, match="no configuration service"):
            await maker.export(order(film("film.mkv"), WANTED), heard.append)
    assert {"sound", "encode"}.isdisjoint(now.stage for now in heard)
