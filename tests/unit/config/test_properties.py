"""Whatever is done in whatever order: versions agree with a pure model, and no input is a bug."""

import asyncio
import os
import pathlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable

import hypothesis
from hypothesis import stateful
from hypothesis import strategies as st

from chassis import errors
from services.config import builtin, document, layers, mask, schema, versions
from services.config import store as store_module

RULES = schema.Schema.load()
BUILTIN = builtin.load()
READER_LIST = [layers.EVERYBODY, layers.Reader("exporter"), layers.Reader("analyzer"), layers.Reader("analyzer", "one")]
READERS = st.sampled_from(READER_LIST)
Layers = dict[str, dict[str, object]]  # weights by layer, empty for the environment
ENVIRONMENTS = st.sampled_from(["development", "production"])
TERMS = st.sampled_from(["hook", "motion", "energy", "moton"])
WEIGHTS = st.sampled_from([0, 0.5, 1.0, 7, -1, "x"])
GUESSES = st.integers(-1, 3)  # how far the expected version is from the one in force

NAMES = st.sampled_from(
    ["analyzer", "weights", "exporter", "presets", "tiktok", "crf", "zz", "a.b", "", "\n"]
) | st.text(max_size=4)
LEAVES = st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=4)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=20
)


class Model(stateful.RuleBasedStateMachine):
    """The real store, which keeps five versions, beside a dictionary of lists of layers."""

    KEPT = 5

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.model: dict[str, list[Layers]] = {}
        self.watches: list[tuple[str, AsyncIterator, list[int]]] = []
        self.open()

    def open(self) -> None:
        """Opens the store."""
        store = store_module.Store(pathlib.Path(self.folder.name) / "config.sqlite3", versions_max=self.KEPT)
        self.store = self.runner.run(store.__aenter__())
        self.versions = versions.Versions(self.store, RULES, BUILTIN, "production", 10)

    def close(self) -> None:
        """Ends the watches and closes the store."""
        for _, watch, _ in self.watches:
            self.runner.run(watch.aclose())
        self.watches.clear()
        self.runner.run(self.store.__aexit__())

    def teardown(self) -> None:
        self.close()
        self.runner.close()
        self.folder.cleanup()

    def history(self, environment: str) -> list[Layers]:
        """What the model knows, version 0 first."""
        return self.model.setdefault(environment, [{}])

    @stateful.rule(
        environment=ENVIRONMENTS, reader=READERS, term=TERMS, weight=WEIGHTS, guess=GUESSES, remove=st.booleans()
    )
    def change(
        self, environment: str, reader: layers.Reader, term: str, weight: object, guess: int, remove: bool
    ) -> None:
        """Sets or removes one weight in one layer, from the right version or a wrong one."""
        history = self.history(environment)
        given = {} if remove else {"analyzer": {"weights": {term: weight}}}
        wanted = {name: dict(weights) for name, weights in history[-1].items()}
        layer = wanted.setdefault(reader.layer, {})
        if remove:
            layer.pop(term, None)
        else:
            layer[term] = weight
        wrong = not remove and (term == "moton" or weight in (-1, "x"))
        problem = errors.Aborted if guess else errors.InvalidArgument if wrong else None
        edit = versions.patch([f"analyzer.weights.{term}"], given)
        call = self.versions.update(environment, edit, len(history) - 1 + guess, reader=reader)
        self.outcome(call, problem, history, wanted)

    @stateful.rule(environment=ENVIRONMENTS, back=st.integers(-1, 8), guess=GUESSES)
    def roll_back(self, environment: str, back: int, guess: int) -> None:
        """Goes back to a version that may not exist, or no longer, from the right version or a wrong one."""
        history = self.history(environment)
        number = len(history) - 1 - back
        known = number == 0 or (len(history) - self.KEPT <= number < len(history) and number > 0)
        problem = errors.Aborted if known and guess else None if known else errors.NotFound
        call = self.versions.rollback(environment, number, len(history) - 1 + guess)
        self.outcome(call, problem, history, history[number] if known else {})

    def outcome(self, call, problem: type[errors.Error] | None, history: list[Layers], wanted: Layers) -> None:
        """Makes a call and compares how it ends."""
        made = self.runner.run(ended(call))
        if problem:
            assert problem is type(made)
            return
        assert len(history) == made.number
        history.append(wanted)

    @stateful.rule(environment=ENVIRONMENTS, after=st.integers(-1, 12))
    def watch(self, environment: str, after: int) -> None:
        """Begins a watch after some version."""
        if len(self.watches) < 3:
            self.watches.append((environment, self.versions.watch(environment, after), [after]))

    @stateful.rule(data=st.data())
    def take(self, data: st.DataObject) -> None:
        """Takes the next version of a watch, where there is one."""
        if not self.watches:
            return
        environment, watch, reached = data.draw(st.sampled_from(self.watches))
        last = len(self.history(environment)) - 1
        if reached[-1] == last:
            return
        version, compacted = self.runner.run(taken(watch))
        fresh = reached[-1] < 0 or reached[-1] > last
        assert compacted == (reached[-1] > last) if fresh else not compacted or reached[-1] < last - 1
        assert version.number == (last if fresh or compacted else reached[-1] + 1)
        self.same(environment, version)
        reached.append(version.number)

    @stateful.rule()
    def restart(self) -> None:
        """Closes the store and opens it again."""
        self.close()
        self.open()

    def same(self, environment: str, version: store_module.Version) -> None:
        """Every reader sees of a version what the model says."""
        said = self.history(environment)[version.number]
        for reader in READER_LIST:
            stack = [said.get(name, {}) for name in ("", *reader.layers)]
            weights = BUILTIN["analyzer"]["weights"] | stack[0] | (stack[1:2] or [{}])[0] | (stack[2:3] or [{}])[0]
            assert weights == self.versions.effective(version, reader)["analyzer"]["weights"]

    @stateful.invariant()
    def agrees(self) -> None:
        """Everything that can be read is what the model knows, and what is no longer kept is not found."""
        for environment, history in self.model.items():
            kept = [0, *range(max(1, len(history) - self.KEPT), len(history))]
            found = [self.runner.run(self.versions.one(environment, number)) for number in kept]
            for version in found:
                self.same(environment, version)
            assert found[-1] == self.runner.run(self.versions.newest(environment))
            listed = self.runner.run(self.versions.page(environment, None, 100))
            assert [(item.number, item.sha256) for item in reversed(found)] == [
                (item.number, item.sha256) for item in listed
            ]
            if len(history) > self.KEPT + 1:
                gone = self.runner.run(ended(self.versions.one(environment, len(history) - self.KEPT - 1)))
                assert isinstance(gone, errors.NotFound)


# `REELSMITH_MODEL_STEPS=100000` runs that many steps instead of the few that every run of the tests affords.
STEPS = int(os.environ.get("REELSMITH_MODEL_STEPS", "300"))
STEPS_EACH = 20 if STEPS < 10_000 else 50
Model.TestCase.settings = hypothesis.settings(
    max_examples=max(1, STEPS // STEPS_EACH), stateful_step_count=STEPS_EACH, deadline=None
)
TestVersionsAgreeWithTheModel = Model.TestCase


async def taken(watch: AsyncIterator[tuple[store_module.Version, bool]]) -> tuple[store_module.Version, bool]:
    """The next of a watch, which must be there."""
    return await asyncio.wait_for(anext(watch), 60)


async def ended(call: Awaitable[store_module.Version]) -> store_module.Version | BaseException:
    """How a call ends: with its result or its error."""
    (outcome,) = await asyncio.gather(call, return_exceptions=True)
    return outcome


def refusal_of(action: Callable[[], object]) -> errors.InvalidArgument | None:
    """How an action is refused; None where it is not."""
    try:
        action()
    except errors.InvalidArgument as refusal:
        return refusal
    return None


@hypothesis.given(st.dictionaries(NAMES, VALUES, max_size=4))
def test_any_document_is_taken_or_refused(value: dict) -> None:
    """No document is a bug of ours: it is valid, or refused with its problems."""
    refusal = refusal_of(lambda: document.normalized(value))
    assert refusal is None or refusal.fields
    problems = [] if refusal else RULES.problems(document.normalized(value))
    assert problems == sorted(set(problems), key=lambda problem: (problem.path, problem.rule, problem.message))
    assert not problems or document.refusal(problems).fields


@hypothesis.given(st.dictionaries(NAMES, VALUES, max_size=4), st.lists(st.text(max_size=12) | NAMES, max_size=4))
def test_any_mask_is_taken_or_refused(value: dict, paths: list[str]) -> None:
    """No mask is a bug of ours either, and the document in force stays as it is."""
    current = builtin.load()
    refusal = refusal_of(lambda: mask.patched(current, value, mask.parsed(paths)))
    assert refusal is None or refusal.fields
    assert builtin.load() == current
