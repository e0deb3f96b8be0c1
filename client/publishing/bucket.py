"""A bucket of S3, or of a store that speaks like it: the same files as in a folder, under a prefix.

Credentials, region and endpoint are those of AWS's own tools (`AWS_PROFILE`, `AWS_ENDPOINT_URL` and so on).
"""

import asyncio
import contextlib
import dataclasses
import functools
import urllib.parse
from collections.abc import Iterator
from typing import Any, ClassVar

from chassis import errors
from client.publishing import folder, post

ATTEMPTS_MAX = 3  # of one request, by the library; whole posts are tried again by the publisher
TIMEOUT_S = 30  # for a connection, and between two answers
HASH = "reelsmith-sha256"  # metadata of each object
PASSING = frozenset({"SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "ThrottlingException"})


@dataclasses.dataclass(frozen=True)
class Bucket:
    """A bucket.

    Args:
        bucket: Its name.
        prefix: Begin of the names of all objects; empty, or with `/` at its end.
    """

    bucket: str
    prefix: str

    repeatable: ClassVar[bool] = True

    @property
    def name(self) -> str:
        """What it is called in records."""
        return f"s3://{self.bucket}/{self.prefix}"

    async def check(self, one: post.Post) -> str:
        """Looks whether the bucket is there and may be used."""
        await asyncio.to_thread(self._head_bucket)
        return f"{len(folder.files(one)) + 1} objects to {self.name}"

    async def find(self, one: post.Post) -> str | None:
        """The clip, where it is there with the same content; its description is written last."""
        return await asyncio.to_thread(self._found, one)

    async def send(self, one: post.Post) -> str:
        """Uploads the files, large ones in parts, what is said about them last."""
        return await asyncio.to_thread(self._sent, one)

    @functools.cached_property
    def _client(self) -> Any:
        try:
            import boto3
            from botocore import config
        except ImportError as error:
            raise errors.FailedPrecondition(
                "publishing to S3 needs its client: install reelsmith[publish]", reason="NO_S3"
            ) from error
        patience = config.Config(
            retries={"total_max_attempts": ATTEMPTS_MAX, "mode": "standard"},
            connect_timeout=TIMEOUT_S,
            read_timeout=TIMEOUT_S,
        )
        return boto3.client("s3", config=patience)

    def _head_bucket(self) -> None:
        with self._translated():
            self._client.head_bucket(Bucket=self.bucket)

    def _found(self, one: post.Post) -> str | None:
        expected = {file.name: file.sha256 for file in folder.files(one)} | {f"{one.name}.json": None}
        for name, sha256 in expected.items():
            there = self._hash(name)
            if there is None or sha256 not in (None, there):
                return None
        return self._location(one)

    def _hash(self, name: str) -> str | None:
        """The hash that an object was uploaded with; None where there is no object."""
        try:
            with self._translated():
                return self._client.head_object(Bucket=self.bucket, Key=self.prefix + name)["Metadata"].get(HASH, "")
        except errors.NotFound:
            return None

    def _sent(self, one: post.Post) -> str:
        with self._translated():
            for file in folder.files(one):
                extra = {"ContentType": file.media_type, "Metadata": {HASH: file.sha256}}
                with file.path.open("rb") as content:
                    self._client.upload_fileobj(content, self.bucket, self.prefix + file.name, ExtraArgs=extra)
            self._client.put_object(
                Bucket=self.bucket,
                Key=f"{self.prefix}{one.name}.json",
                Body=folder.described(one),
                ContentType="application/json",
            )
        return self._location(one)

    def _location(self, one: post.Post) -> str:
        return f"s3://{self.bucket}/{self.prefix}{one.video.name}"

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        """Failures of the library as ours.

        Raises:
            errors.NotFound: There is no such bucket or object.
            errors.PermissionDenied: It may not be used.
            errors.FailedPrecondition: There are no credentials, or something else is amiss.
            errors.Unavailable: It may work later.
        """
        from botocore import exceptions

        try:
            yield
        except exceptions.ClientError as error:
            code = error.response["Error"]["Code"]
            kinds = {"403": errors.PermissionDenied, "AccessDenied": errors.PermissionDenied, "404": errors.NotFound}
            kinds |= {"NoSuchBucket": errors.NotFound, "NoSuchKey": errors.NotFound}
            kind = errors.Unavailable if code in PASSING else kinds.get(code, errors.FailedPrecondition)
            raise kind(f"{self.name}: {error}", reason="S3_REFUSES") from error
        except (exceptions.HTTPClientError, exceptions.ConnectionError) as error:
            raise errors.Unavailable(f"{self.name}: {error}", reason="S3_AWAY") from error
        except exceptions.BotoCoreError as error:
            raise errors.FailedPrecondition(f"{self.name}: {error}", reason="S3_REFUSES") from error


def bucket(url: str) -> Bucket:
    """The bucket of a URL, `s3://BUCKET[/PREFIX]`.

    Raises:
        errors.InvalidArgument: It is no such URL.
    """
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "s3" or not parts.netloc or "@" in parts.netloc or parts.query or parts.fragment:
        raise errors.InvalidArgument(f"{url!r} is not of the form s3://BUCKET[/PREFIX]")
    prefix = parts.path.strip("/")
    return Bucket(parts.netloc, f"{prefix}/" if prefix else "")
