"""Content credentials: a signed C2PA manifest inside the finished clip, made and read in a worker.

The key comes from a secret of the configuration service and meets media only inside a shut-in child, which ends with
its task. Source: C2PA Specification 2.2, https://spec.c2pa.org.
"""

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, BinaryIO

from chassis import errors, telemetry
from media import errors as media_errors
from media import folders, pool
from services.exporter import gate

MEDIA_TYPES = {"mp4": "video/mp4"}  # containers of clips that can hold credentials; C2PA knows no Matroska
LABEL = "org.reelsmith.clip"
KIND = "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicallyEnhanced"  # cut and framed by a program
PRELOAD = "services.exporter.provenance:warm"
DEADLINE_S = 300.0  # it reads and writes the clip a few times: the longest clip has a few gigabytes
CERTIFICATE = "-----BEGIN CERTIFICATE-----"
UNSIGNED = "UNSIGNABLE"
VALID, TRUSTED = "Valid", "Trusted"  # states of a reader: intact, and intact by a signer that is trusted here
TRACER = telemetry.tracer(__name__)
Credentials = Callable[[], Awaitable[str]]


def warm() -> None:
    """Loads the libraries, which a worker cannot do."""
    import c2pa  # an extra, needed only where clips are signed

    c2pa.Context.from_dict(_settings(""))
    from cryptography.hazmat.primitives import serialization  # comes with the extra
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())  # of no use but to run all that loads its parts late
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _, signature, _ = _signer(key.private_bytes(*form).decode() + CERTIFICATE)
    signature(b"")


def sign(request: Mapping[str, Any], files: pool.Files, report: pool.Report) -> dict[str, Any]:
    """Task: copies `files.inputs["clip"]` to `files.outputs["clip"]` with signed credentials in it.

    Args:
        request: `pem`, the private key and the certificates, the signer's first; `media_type`; `manifest`, as C2PA has
            it.
        files: the clip, and where it goes.
        report: unused; the task is short.

    Returns:
        What `read` says of the signed clip.

    Raises:
        media_errors.Unsupported: the secret holds no key that signs, or the clip cannot be signed (UNSIGNABLE).
        media_errors.StorageFull: the disk has no room for the signed clip.
    """
    import c2pa  # loaded by `warm`

    algorithm, signature, chain = _signer(request["pem"])
    source, target = files.inputs["clip"], _Noting(files.outputs["clip"])
    try:
        context = c2pa.Context.from_dict(_settings(""))
        with (
            c2pa.Signer.from_callback(signature, getattr(c2pa.C2paSigningAlg, algorithm), chain) as signer,
            c2pa.Builder(request["manifest"], context) as builder,
        ):
            builder.sign(signer, request["media_type"], source, target)
        target.flush()
    except (c2pa.C2paError, OSError) as error:
        if target.failure is not None:
            kind = media_errors.StorageFull if target.failure.errno in folders.FULL else media_errors.StorageFailed
            raise kind(f"the signed clip cannot be written: {target.failure}") from error
        raise media_errors.Unsupported(f"the clip cannot be signed: {error}", reason=UNSIGNED) from error
    return _read(files.outputs["clip"], request["media_type"], "")


def read(request: Mapping[str, Any], files: pool.Files, report: pool.Report) -> dict[str, Any]:
    """Task: reads the credentials of `files.inputs["clip"]`.

    Args:
        request: `media_type`; `trust`, certificates of those whose signatures are trusted, may be empty.
        files: the clip.
        report: unused; the task is short.

    Returns:
        `state`: Valid, Trusted, Invalid, or None where the clip has none; `signer`; `faults`; `clip`, what we say of
        it.
    """
    return _read(files.inputs["clip"], request["media_type"], request["trust"])


class _Noting:
    """A file that remembers what the system said; the library tells only that something failed."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.failure: OSError | None = None

    def _noted(self, name: str, *arguments: Any) -> Any:
        try:
            return getattr(self._file, name)(*arguments)
        except OSError as error:
            self.failure = error
            raise

    def read(self, *size: int) -> bytes:
        return self._noted("read", *size)

    def write(self, data: bytes) -> int:
        return self._noted("write", data)

    def seek(self, *place: int) -> int:
        return self._noted("seek", *place)

    def tell(self) -> int:
        return self._noted("tell")

    def flush(self) -> None:
        self._noted("flush")


class Signer:
    """Signs finished clips.

    Args:
        workers: the pool of workers; preloads `PRELOAD`.
        credentials: gives the private key and the certificates as PEM.
        trust: certificates of those whose signatures count as trusted.
    """

    def __init__(self, workers: pool.Pool, credentials: Credentials, trust: str = "") -> None:
        self._pool, self._credentials, self._trust = workers, credentials, trust

    async def ready(self) -> None:
        """Looks whether the secret can be had, before anything is made that could not be signed then.

        Raises:
            errors.Error: it cannot.
        """
        await self._credentials()

    async def sign(self, file: BinaryIO, container: str, folder: os.PathLike[str], manifest: Mapping[str, Any]) -> str:
        """Signs a file in its place.

        Args:
            file: the clip, before anybody but us has it.
            container: its kind; one of `MEDIA_TYPES`.
            folder: where a second copy finds room for a moment.
            manifest: what is signed; see `claim`.

        Returns:
            Name of the signer, as its certificate says.

        Raises:
            errors.FailedPrecondition: the secret holds no key that signs, or the clip cannot be signed.
        """
        pem = await self._credentials()
        request = {"pem": pem, "media_type": MEDIA_TYPES[container], "manifest": manifest}
        with TRACER.start_as_current_span("sign"), tempfile.TemporaryFile(dir=folder) as signed:
            try:
                result = await self._pool.run(
                    "services.exporter.provenance:sign",
                    request,
                    inputs={"clip": file},
                    outputs={"clip": signed},
                    deadline_s=DEADLINE_S,
                )
            except media_errors.Unsupported as error:
                raise errors.FailedPrecondition(error.message, reason=error.reason) from error
            await asyncio.to_thread(_replace, file, signed)
        return str(result.value["signer"])

    async def check(self, file: BinaryIO, container: str) -> gate.Check:
        """Reads the credentials of a clip that is said to have some."""
        found = await self._pool.run(
            "services.exporter.provenance:read",
            {"media_type": MEDIA_TYPES[container], "trust": self._trust},
            inputs={"clip": file},
            deadline_s=DEADLINE_S,
        )
        state, faults = found.value["state"], found.value["faults"]
        measured = f"{state or 'none'}{': ' + ', '.join(faults) if faults else ''}"
        good, by = ((TRUSTED,), " by somebody who is trusted") if self._trust else ((VALID, TRUSTED), "")
        return gate.check("credentials", state in good, measured, f"signed{by}, and unchanged since")


def claim(name: str, about: Mapping[str, Any], copied: bool) -> dict[str, Any]:
    """What is signed about a clip: what was done to which source, by its hash. It names no person and no source file.

    Args:
        name: of the file.
        about: what we say of it.
        copied: whether its pictures are those of the source, and none is encoded but at its edges.
    """
    steps = ("c2pa.trimmed",) if copied else ("c2pa.trimmed", "c2pa.edited", "c2pa.transcoded")
    actions = [{"action": "c2pa.created", "digitalSourceType": KIND}, *({"action": step} for step in steps)]
    return {
        "claim_generator_info": [{"name": "reelsmith", "version": about["version"]}],
        "title": name,
        "assertions": [{"label": "c2pa.actions", "data": {"actions": actions}}, {"label": LABEL, "data": about}],
    }


def _settings(trust: str) -> dict[str, Any]:
    """Of the library: nothing is fetched, no picture is drawn."""
    settings: dict[str, Any] = {
        "builder": {"thumbnail": {"enabled": False}},
        "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    }
    return settings | ({"trust": {"trust_anchors": trust}} if trust else {})


def _read(file: BinaryIO, media_type: str, trust: str) -> dict[str, Any]:
    import c2pa  # loaded by `warm`

    file.seek(0)
    try:
        reader = c2pa.Reader(media_type, file, context=c2pa.Context.from_dict(_settings(trust)))
    except c2pa.C2paError.ManifestNotFound:
        return {"state": None, "signer": "", "faults": [], "clip": None}
    except c2pa.C2paError as error:
        return {"state": "Invalid", "signer": "", "faults": [str(error)[:200]], "clip": None}
    with contextlib.closing(reader):
        manifest = reader.get_active_manifest() or {}
        results = (reader.get_validation_results() or {}).get("activeManifest", {})
        said = [one["data"] for one in manifest.get("assertions", []) if one["label"] == LABEL]
        return {
            "state": reader.get_validation_state(),
            "signer": manifest.get("signature_info", {}).get("common_name", ""),
            "faults": [one["code"] for one in results.get("failure", [])],
            "clip": said[0] if said else None,
        }


def _signer(pem: str) -> tuple[str, Callable[[bytes], bytes], str]:
    """Name of the algorithm, the function that signs, and the certificates."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

    chain = pem[pem.find(CERTIFICATE) :] if CERTIFICATE in pem else ""
    try:
        key = serialization.load_pem_private_key(pem[: len(pem) - len(chain)].encode(), None)
    except (ValueError, TypeError) as error:
        raise media_errors.Unsupported("the secret holds no private key in PEM", reason=UNSIGNED) from error
    if not chain:
        raise media_errors.Unsupported("the secret holds no certificate after the key", reason=UNSIGNED)
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ED25519", key.sign, chain
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.key_size in (256, 384):
        bits = key.curve.key_size
        digest = hashes.SHA256() if bits == 256 else hashes.SHA384()

        def signature(data: bytes) -> bytes:
            numbers = utils.decode_dss_signature(key.sign(data, ec.ECDSA(digest)))
            return b"".join(number.to_bytes(bits // 8, "big") for number in numbers)

        return f"ES{bits}", signature, chain
    raise media_errors.Unsupported("the key is none of P-256, P-384, Ed25519", reason=UNSIGNED)


def _replace(file: BinaryIO, content: BinaryIO) -> None:
    content.seek(0)
    file.seek(0)
    shutil.copyfileobj(content, file, 1 << 20)
    file.truncate()
    file.flush()
