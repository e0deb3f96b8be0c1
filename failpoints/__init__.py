"""Named places at which a test ends, freezes, delays or fails this process. Nothing happens unless it is asked for.

Asked for by the environment of the process, once for its whole life:

    REELSMITH_FAILPOINTS="jobs.store.commit.after=kill@3; media.replace.sync.before=error(ENOSPC)@2+"

Each rule is a name, an action and the hits at which it acts: `@3` the third alone, `@3+` the third and all later ones,
`@1` where nothing is said. Names are those of `failpoints.names`; `*` stands for all of them. Actions:

- `kill` ends the process by SIGKILL,
- `stop` freezes it by SIGSTOP, until somebody sends SIGCONT,
- `error(ENOSPC)` raises OSError with that number,
- `delay(0.5)` holds up the thread for so many seconds,
- `count` does nothing: the hit is only written down.

Whatever acts is written down before it does, as one line `NAME HIT ACTION` of the file that `REELSMITH_FAILPOINTS_LOG`
names: a test can tell a fault that was survived from one that never came.
"""

import contextlib
import dataclasses
import errno
import os
import re
import signal
import threading
import time
from collections.abc import Mapping

from failpoints import names

VARIABLE, LOG_VARIABLE = "REELSMITH_FAILPOINTS", "REELSMITH_FAILPOINTS_LOG"
RULE = re.compile(r"([a-z_.]+|\*)=(kill|stop|error|delay|count)(?:\(([A-Z0-9.]+)\))?(?:@([0-9]+)(\+?))?")


@dataclasses.dataclass(frozen=True, slots=True)
class Rule:
    """What happens at which hits of a name."""

    action: str
    argument: str = ""
    first: int = 1
    onwards: bool = False

    def acts(self, hit: int) -> bool:
        """Whether it acts at a hit; the first has the number 1."""
        return hit == self.first or (self.onwards and hit > self.first)

    def act(self) -> None:
        """Does it.

        Raises:
            OSError: The action is an error.
        """
        if self.action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif self.action == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        elif self.action == "delay":
            time.sleep(float(self.argument))
        elif self.action == "error":
            number = getattr(errno, self.argument)
            raise OSError(number, f"{os.strerror(number)} (failpoint)")


class Point:
    """An armed name: counts its hits, and acts."""

    def __init__(self, name: str, rule: Rule, log: str) -> None:
        self._name, self._rule, self._log = name, rule, log
        self._hits = 0
        self._lock = threading.Lock()

    def hit(self) -> None:
        """Notes a hit, and does what the rule says."""
        with self._lock:
            self._hits += 1
            hit = self._hits
        if not self._rule.acts(hit):
            return
        if self._log:
            descriptor = os.open(self._log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
            os.write(descriptor, f"{self._name} {hit} {self._rule.action}\n".encode())
            os.close(descriptor)
        self._rule.act()


class _Around:
    """Hits `NAME.before` when the block begins, and `NAME.after` when it has ended well."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        _hit(f"{self._name}.before")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            _hit(f"{self._name}.after")


_armed: dict[str, Point] = {}
_NOTHING = contextlib.nullcontext()


def around(name: str) -> contextlib.AbstractContextManager[None]:
    """A block with a failpoint before and one after it; without any armed it costs one look at an empty table."""
    return _Around(name) if _armed else _NOTHING


def _hit(name: str) -> None:
    if (point := _armed.get(name)) is not None:
        point.hit()


def rules(text: str) -> dict[str, Rule]:
    """The rules of a text, by name.

    Raises:
        ValueError: It has a rule that is none, or a name that nobody knows.
    """
    found: dict[str, Rule] = {}
    for part in filter(None, map(str.strip, text.split(";"))):
        parts = RULE.fullmatch(part)
        if not parts:
            raise ValueError(f"{VARIABLE}: {part!r} is no NAME=ACTION@HIT")
        name, action, argument, hit, onwards = parts.groups()
        if name != "*" and name not in names.ALL:
            raise ValueError(f"{VARIABLE}: there is no failpoint {name!r}")
        _require_argument(part, action, argument)
        rule = Rule(action, argument or "", int(hit or 1), bool(onwards) or action == "count")
        found.update(dict.fromkeys(names.ALL if name == "*" else [name], rule))
    return found


def _require_argument(part: str, action: str, argument: str | None) -> None:
    if action == "error" and not hasattr(errno, argument or ""):
        raise ValueError(f"{VARIABLE}: {part!r} needs a number by name, such as error(ENOSPC)")
    if action == "delay" and not re.fullmatch(r"[0-9]+(\.[0-9]+)?", argument or ""):
        raise ValueError(f"{VARIABLE}: {part!r} needs seconds, such as delay(0.5)")


def arm(environment: Mapping[str, str]) -> None:
    """Takes the rules of an environment instead of those before.

    Raises:
        ValueError: They are wrong.
    """
    made = rules(environment.get(VARIABLE, ""))
    log = environment.get(LOG_VARIABLE, "")
    _armed.clear()
    _armed.update({name: Point(name, rule, log) for name, rule in made.items()})


arm(os.environ)
