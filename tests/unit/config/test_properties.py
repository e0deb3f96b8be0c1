"""Whatever is done in whatever order: versions agree with a pure model, and no input is a bug."""

import asyncio
import pathlib
import tempfile
from collections.abc import Awaitable, Callable

import hypothesis
from hypothesis import stateful
from hypothesis import strategies as st

from chassis import errors
from services.config import builtin, document, mask, schema, versions
from services.config import store as store_module

RULES = schema.Schema.load()
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
    """The real store beside a dictionary of lists."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.model: dict[str, list[document.Document]] = {}
        self.open()

    def open(self) -> None:
        """Opens the store."""
        store = store_module.Store(pathlib.Path(self.folder.name) / "config.sqlite3")
        self.store = self.runner.run(store.__aenter__())
        self.versions = versions.Versions(self.store, RULES, builtin.load(), "production", 10)

    def teardown(self) -> None:
        self.runner.run(self.store.__aexit__())
        self.runner.close()
        self.folder.cleanup()

    def history(self, environment: str) -> list[document.Document]:
        """What the model knows, version 0 first."""
        return self.model.setdefault(environment, [builtin.load()])

    @stateful.rule(environment=ENVIRONMENTS, term=TERMS, weight=WEIGHTS, guess=GUESSES, remove=st.booleans())
    def change(self, environment: str, term: str, weight: object, guess: int, remove: bool) -> None:
        """Sets or removes one weight, from the right version or a wrong one."""
        history = self.history(environment)
        given = {} if remove else {"analyzer": {"weights": {term: weight}}}
        edit = versions.patch([f"analyzer.weights.{term}"], given)
        expected = len(history) - 1 + guess
        wanted = document.normalized(edit(history[-1]))
        problem = errors.Aborted if guess else errors.InvalidArgument if RULES.problems(wanted) else None
        call = self.versions.update(environment, edit, expected)
        self.outcome(call, problem, history, wanted)

    @stateful.rule(environment=ENVIRONMENTS, number=st.integers(-1, 8), guess=GUESSES)
    def roll_back(self, environment: str, number: int, guess: int) -> None:
        """Goes back to a version that may not exist, from the right version or a wrong one."""
        history = self.history(environment)
        known = 0 <= number < len(history)
        problem = errors.Aborted if known and guess else None if known else errors.NotFound
        call = self.versions.rollback(environment, number, len(history) - 1 + guess)
        self.outcome(call, problem, history, history[number] if known else {})

    def outcome(self, call, problem: type[errors.Error] | None, history: list, wanted: document.Document) -> None:
        """Makes a call and compares how it ends."""
        made = self.runner.run(ended(call))
        if problem:
            assert problem is type(made)
            return
        assert (len(history), wanted) == (made.number, made.document)
        history.append(wanted)

    @stateful.rule()
    def restart(self) -> None:
        """Closes the store and opens it again."""
        self.runner.run(self.store.__aexit__())
        self.open()

    @stateful.invariant()
    def agrees(self) -> None:
        """Everything that can be read is what the model knows."""
        for environment, history in self.model.items():
            found = [self.runner.run(self.versions.one(environment, number)) for number in range(len(history))]
            assert history == [version.document for version in found]
            assert found[-1] == self.runner.run(self.versions.newest(environment))
            listed = self.runner.run(self.versions.page(environment, None, 100))
            assert [item.sha256 for item in reversed(found)] == [item.sha256 for item in listed]


Model.TestCase.settings = hypothesis.settings(max_examples=15, stateful_step_count=20, deadline=None)
TestVersionsAgreeWithTheModel = Model.TestCase


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
