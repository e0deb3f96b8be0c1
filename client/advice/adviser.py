"""Looks, suggests, and where it is told to, changes one setting at a time and watches what comes of it."""

import dataclasses
import time
from collections.abc import Callable

from chassis import errors
from client import config
from client.advice import figures, history, reading, rules, trial

RECENT_S = 300.0  # by which load is judged: short enough to see a rush, long enough not to see one film
AGAIN_S = 24 * 3600.0  # before something that was taken back is tried again: the load of a day has changed by then


@dataclasses.dataclass(frozen=True, slots=True)
class Pace:
    """How patient an adviser is.

    Args:
        trial_s: How long a change is watched before it is judged, and how long before it the figures are taken.
        rest_s: Between two changes of one service.
    """

    trial_s: float = 300.0
    rest_s: float = 600.0


class Adviser:
    """Knows the past of a suite, and what was done to it.

    Args:
        source: Where metrics are read.
        past: What was seen before.
        log: What was done before.
        pace: How patient it is.
        clock: Gives the time, in seconds since 1970.
    """

    def __init__(
        self,
        source: reading.Source,
        past: history.History,
        log: trial.Log,
        pace: Pace,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.log, self.pace = log, pace
        self._source, self._past, self._clock = source, past, clock

    async def look(self) -> None:
        """Takes a sample of everything.

        Raises:
            errors.Unavailable: Nothing answers.
        """
        self._past.add(await self._source.read(), self._clock())

    @property
    def scene(self) -> rules.Scene:
        """All that is known."""
        return rules.Scene(figures.windows(self._past.samples))

    def suggestions(self) -> list[rules.Suggestion]:
        """What could be done, the most pressing first; figures from before a change say nothing about what is now."""
        scene = self.scene
        since_s = scene.end_s - RECENT_S
        changed_s = max((one.time_s for one in self.log.records if one.event != trial.KEPT), default=0.0)
        return rules.suggestions(scene, max(since_s, min(changed_s, scene.end_s - rules.PATIENCE_S)))

    def ready(self) -> list[rules.Suggestion]:
        """Suggestions that may be carried out now: one per service, none where one is on trial or was taken back."""
        now_s, found = self._clock(), []
        busy = {record.action.service for record in self.log.open}
        for one in self.suggestions():
            if one.action is None or one.action.service in busy:
                continue
            rested = now_s - trial.settled(self.log.records, one.action.service) >= self.pace.rest_s
            if rested and not self.log.barred(one.action, now_s - AGAIN_S):
                found.append(one)
                busy.add(one.action.service)
        return found

    async def apply(self, suggestion: rules.Suggestion, shared: config.Config) -> trial.Record:
        """Carries a suggestion out as a new version of the configuration, and writes down that it did.

        Args:
            suggestion: One with an action.
            shared: The configuration of the suite.

        Raises:
            errors.Error: The change was refused; nothing has changed.
        """
        action, current = suggestion.action, await shared.get()
        named = _named(config.plain(current), action.path)
        # Written down first: a change that is known and was not made is harmless, the contrary is never taken back.
        now_s = self._clock()
        before = trial.measured(self.scene.present().after(now_s - self.pace.trial_s), action.service)
        record = trial.Record(
            now_s, trial.APPLIED, suggestion.rule, action, named, current.version + 1, suggestion.why, before
        )
        self.log.add(record)
        comment = f"advice: {action.setting} {action.now:g} to {action.value:g}: {suggestion.text}"
        try:
            await _set(shared, action.path, action.value, comment, current.version)
        except errors.Error as refused:
            self._end(record, trial.ABANDONED, current.version, f"refused: {refused.message}", None)
            raise
        return record

    async def settle(self, shared: config.Config) -> list[trial.Record]:
        """Judges the trials that have run long enough; what made things worse is taken back.

        Args:
            shared: The configuration of the suite.

        Returns:
            What was decided.
        """
        decided = []
        for record in self.log.open:
            since = self.scene.after(record.time_s)
            after = trial.measured(since.present(), record.action.service)
            if self._clock() - record.time_s >= self.pace.trial_s and after.span_s >= self.pace.trial_s / 2:
                decided.append(await self._decide(record, after, shared))
        return decided

    async def _decide(self, record: trial.Record, after: trial.Figures, shared: config.Config) -> trial.Record:
        current = await shared.get()
        if _named(config.plain(current), record.action.path) != record.action.value:
            return self._end(record, trial.ABANDONED, current.version, "somebody else has changed it since", after)
        verdict = trial.judge(record.before, after)
        if verdict.keep:
            return self._end(record, trial.KEPT, current.version, verdict.why, after)
        comment = f"advice: {record.action.setting} back from {record.action.value:g}: {verdict.why}"
        made = await _set(shared, record.action.path, record.named, comment, current.version)
        return self._end(record, trial.TAKEN_BACK, made, verdict.why, after)

    def _end(
        self, record: trial.Record, event: str, version: int, why: str, after: trial.Figures | None
    ) -> trial.Record:
        ended = dataclasses.replace(record, time_s=self._clock(), event=event, version=version, why=(why,), after=after)
        self.log.add(ended)
        return ended


def _named(document: dict[str, object], path: str) -> float | None:
    """What a document says at a path; None where it says nothing."""
    try:
        return config.at(document, path)
    except errors.NotFound:
        return None


async def _set(shared: config.Config, path: str, value: float | None, comment: str, expected: int) -> int:
    """Gives a setting a value, or none of its own; returns the version that does."""
    document = {} if value is None else config.nested(path, value)
    return (await shared.update(document, [path], comment, expected=expected)).version
