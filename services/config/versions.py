"""What can be done with versions: read, change, go back, watch."""

import asyncio
import collections
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence

from chassis import errors
from services.config import document, lasting, layers, mask, schema
from services.config import store as store_module

ENVIRONMENT = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
ACTOR_LENGTH_MAX = 200  # characters, as the API says
COMMENT_LENGTH_MAX = 1000  # characters, as the API says
WATCH_BATCH = 8  # versions that a watch holds in memory: at most 2 MiB
RECENT = 32  # versions that watches share in memory, of all environments: at most 8 MiB
RETRY_AFTER_S = 5.0  # watches end rarely: asking more often does not help

Edit = Callable[[document.Document], document.Document]
Rewrite = Callable[[layers.Content], layers.Content]


class Versions:
    """The documents of all environments.

    Args:
        store: Where versions are kept.
        rules: What documents must satisfy.
        builtin: The lowest layer, which is all that there is of version 0.
        environment: Environment that is meant where none is named.
        watchers_max: Watches that may run at once.
    """

    def __init__(
        self,
        store: store_module.Store,
        rules: schema.Schema,
        builtin: document.Document,
        environment: str,
        watchers_max: int,
    ) -> None:
        self._store = store
        self._rules = rules
        self._builtin = builtin
        self._environment = environment
        self._watchers_max = watchers_max
        self._watchers = 0
        self._recent: collections.deque[store_module.Version] = collections.deque(maxlen=RECENT)
        self._last: dict[str, int] = {}  # numbers of the newest versions, of environments that have changed
        self._change = asyncio.Event()  # set once and replaced at every change: whoever waits wakes, nobody is queued

    @property
    def environment(self) -> str:
        """Environment that is meant where none is named."""
        return self._environment

    @property
    def rules(self) -> schema.Schema:
        """What documents must satisfy."""
        return self._rules

    def stack(
        self, version: store_module.Version, reader: layers.Reader = layers.EVERYBODY
    ) -> list[tuple[str, document.Document]]:
        """The layers of a version that a reader sees, the lowest first."""
        return version.content.stack(self._builtin, reader)

    def effective(self, version: store_module.Version, reader: layers.Reader = layers.EVERYBODY) -> document.Document:
        """The document that a reader sees of a version."""
        return self.merged(version.content, reader)

    def merged(self, content: layers.Content, reader: layers.Reader = layers.EVERYBODY) -> document.Document:
        """The document that a reader sees of some content."""
        return layers.merged(content.stack(self._builtin, reader))

    async def newest(self, environment: str = "") -> store_module.Version:
        """The version in force.

        Raises:
            errors.InvalidArgument: The name is no environment's.
        """
        name = self._named(environment)
        return await self._store.newest(name) or self._zero(name)

    async def one(self, environment: str, number: int) -> store_module.Version:
        """One version.

        Raises:
            errors.NotFound: There is none of that number.
        """
        name = self._named(environment)
        if number == 0:
            return self._zero(name)
        found = await self._store.one(name, number) if number > 0 else None
        if found is None:
            gone = 0 < number < (await self.newest(name)).number
            raise errors.NotFound(
                f"version {number} of {name} is no longer kept" if gone else f"{name} has no version {number}",
                reason="VERSION_COMPACTED" if gone else "NO_SUCH_VERSION",
                metadata={"environment": name, "version": str(number)},
            )
        return found

    async def page(self, environment: str, before: int | None, count: int) -> list[store_module.Version]:
        """Versions without documents, the newest first.

        Args:
            environment: Name of the environment.
            before: Only versions with a lower number; all by default.
            count: How many at most.
        """
        name = self._named(environment)
        found = await self._store.earlier(name, 2**62 if before is None else before, count)
        if len(found) < count and (before is None or before > 0):
            found.append(self._zero(name))
        return found

    async def update(
        self,
        environment: str,
        edit: Edit,
        expected: int,
        *,
        reader: layers.Reader = layers.EVERYBODY,
        actor: str = "",
        comment: str = "",
        dry: bool = False,
    ) -> store_module.Version:
        """Makes the next version of a document by a change of one layer.

        Args:
            environment: Name of the environment.
            edit: Makes the new layer from the layer in force.
            expected: Number of the version that must be in force.
            reader: Whose layer it is.
            actor: Who makes it.
            comment: Why it is made.
            dry: Whether to say what would be and change nothing.

        Raises:
            errors.Aborted: Another version is in force; metadata has `current_version`.
            errors.InvalidArgument: The result is not valid, with one field per problem.
        """
        return await self.rewrite(environment, layered(edit, reader), expected, actor=actor, comment=comment, dry=dry)

    async def rewrite(
        self,
        environment: str,
        rewrite: Rewrite,
        expected: int | None,
        *,
        actor: str = "",
        comment: str = "",
        dry: bool = False,
        action: str = "UpdateConfig",
        approval: store_module.Approval | None = None,
    ) -> store_module.Version:
        """Makes the next version of a document by a change of any of its layers.

        Args:
            environment: Name of the environment.
            rewrite: Makes the new content from the content in force.
            expected: Number of the version that must be in force; None for any.
            actor: Who makes it.
            comment: Why it is made.
            dry: Whether to say what would be and change nothing.
            action: Method of the API that asks for it, for the record.
            approval: Who approved it; None where nobody had to.

        Raises:
            errors.Aborted: Another version is in force; metadata has `current_version`.
            errors.InvalidArgument: The result is not valid, with one field per problem.
        """
        name = self._named(environment)
        check_length("actor", actor, ACTOR_LENGTH_MAX)
        check_length("comment", comment, COMMENT_LENGTH_MAX)

        def decide(newest: store_module.Version | None) -> store_module.Change:
            current = newest or self._zero(name)
            if expected is not None:
                check_expected(current, expected)
            return store_module.Change(current.number + 1, self._valid(rewrite(current.content)), actor, comment)

        if dry:
            change = decide(await self._store.newest(name))
            digest = change.content.sha256()
            return store_module.Version(name, change.number, change.content, digest, actor, comment)
        return await self._append(lambda: self._store.append(name, decide, action, approval))

    async def rollback(
        self, environment: str, number: int, expected: int, *, actor: str = "", comment: str = ""
    ) -> store_module.Version:
        """Makes a new version with the content of an old one, but for what is lasting.

        Raises:
            errors.NotFound: There is no such version.
            errors.FailedPrecondition: Its content does not satisfy today's rules.
            errors.Aborted: Another version is in force; metadata has `current_version`.
        """
        old = await self.one(environment, number)
        self.check(old.content, errors.FailedPrecondition)
        said = comment or f"back to version {number}"
        return await self.rewrite(
            environment,
            lambda now: lasting.kept(old.content, now),
            expected,
            actor=actor,
            comment=said,
            action="RollbackConfig",
        )

    async def watch(self, environment: str, after: int) -> AsyncIterator[tuple[store_module.Version, bool]]:
        """Yields every later version, once and in order, for ever.

        Versions are read from the store as fast as the reader takes them, so that a slow one costs no memory.

        Args:
            environment: Name of the environment.
            after: Only versions after this one; negative to begin with the newest.

        Yields:
            A version, and whether it is a fresh start: the asked one is not of this history, or those between are
            no longer kept.

        Raises:
            errors.ResourceExhausted: Too many watches run.
        """
        name = self._named(environment)
        with self._watching():
            newest = await self.newest(name)
            reached = after
            if after < 0 or after > newest.number:
                yield newest, after > newest.number
                reached = newest.number
            while True:
                change = self._change  # taken before looking: a change in between is not slept over
                found = await self._later(name, reached)
                if found and found[0].number != reached + 1:
                    newest = await self.newest(name)
                    yield newest, True
                    reached = newest.number
                    continue
                for version in found:
                    yield version, False
                    reached = version.number
                if not found:
                    await change.wait()

    async def _later(self, name: str, reached: int) -> list[store_module.Version]:
        """The next versions: from memory where they follow without a gap, so that readers that keep up read no disk."""
        if reached >= self._last.get(name, reached + 1):
            return []
        found: list[store_module.Version] = []
        for version in self._recent:
            if version.environment == name and version.number == reached + len(found) + 1:
                found.append(version)
        return found[:WATCH_BATCH] or await self._store.later(name, reached, WATCH_BATCH)

    def _named(self, environment: str) -> str:
        name = environment or self._environment
        if not ENVIRONMENT.fullmatch(name):
            message = f"{document.shown(name)} is not 1 to 64 of a-z 0-9 -, with no hyphen at either end"
            raise errors.InvalidArgument(
                f"environment: {message}", reason="BAD_ENVIRONMENT", fields=[errors.Field("environment", message)]
            )
        return name

    def _zero(self, name: str) -> store_module.Version:
        return store_module.Version(name, 0, layers.NOTHING, layers.NOTHING.sha256(), comment="built in")

    def check(self, content: layers.Content, kind: type[errors.Error] = errors.InvalidArgument) -> None:
        """Looks whether every reader's document satisfies the rules.

        Raises:
            errors.Error: Of the given kind: one does not, with one field per problem.
        """
        if len(content.overlays) > layers.OVERLAYS_MAX:
            message = f"{len(content.overlays)} layers of services and instances, {layers.OVERLAYS_MAX} are allowed"
            raise document.refusal([document.Problem("", "layers", message)], kind)
        whole = {"document": content.document, **content.overlays}
        if (size_bytes := len(document.canonical(whole))) > document.SIZE_MAX_BYTES:
            message = f"all layers have {size_bytes} bytes of JSON, {document.SIZE_MAX_BYTES} are allowed"
            raise document.refusal([document.Problem("", "size", message)], kind)
        for reader in content.readers():
            problems = self._rules.problems(layers.merged(content.stack(self._builtin, reader)))
            if problems:
                raise document.refusal(problems, kind, reader.layer)

    def _valid(self, content: layers.Content) -> layers.Content:
        self.check(content)
        return content

    async def _append(self, append: Callable[[], Awaitable[store_module.Version]]) -> store_module.Version:
        # A caller that goes away cannot stop a commit half-way; watchers must hear of it all the same.
        running = asyncio.ensure_future(append())
        running.add_done_callback(self._announce)
        return await asyncio.shield(running)

    def _announce(self, ended: asyncio.Future[store_module.Version]) -> None:
        if ended.cancelled() or ended.exception():
            return  # nothing changed, and whoever waits for the answer is told so
        made = ended.result()
        self._recent.append(made)
        self._last[made.environment] = made.number
        self._change.set()
        self._change = asyncio.Event()

    @contextlib.contextmanager
    def _watching(self) -> Iterator[None]:
        if self._watchers >= self._watchers_max:
            raise errors.ResourceExhausted(
                f"{self._watchers} watches are running already", reason="TOO_MANY_WATCHES", retry_after_s=RETRY_AFTER_S
            )
        self._watchers += 1
        try:
            yield
        finally:
            self._watchers -= 1


def patch(paths: Sequence[str], change: document.Document) -> Edit:
    """The edit that a field mask asks for.

    Raises:
        errors.InvalidArgument: The mask is not valid.
    """
    parsed = mask.parsed(paths)
    return lambda current: mask.patched(current, change, parsed)


def layered(edit: Edit, reader: layers.Reader) -> Rewrite:
    """The change of all layers that an edit of one of them is."""
    return lambda content: content.replaced(reader, document.normalized(edit(content.layer(reader))))


def check_expected(current: store_module.Version, expected: int) -> None:
    """Looks whether a version is the one that a change starts from.

    Raises:
        errors.Aborted: It is another; metadata has `current_version`.
    """
    if current.number != expected:
        raise errors.Aborted(
            f"environment {current.environment} is at version {current.number}, not at {expected}: read it again",
            reason="VERSION_CONFLICT",
            metadata={
                "environment": current.environment,
                "current_version": str(current.number),
                "expected_version": str(expected),
            },
        )


def check_length(field: str, text: str, length_max: int) -> None:
    """Looks whether a text is short enough.

    Raises:
        errors.InvalidArgument: It is not.
    """
    if len(text) > length_max:
        message = f"has {len(text)} characters, {length_max} are allowed"
        raise errors.InvalidArgument(f"{field} {message}", reason="TOO_LONG", fields=[errors.Field(field, message)])
