"""What was seen before: samples of all processes, in a file that is read at the start and thinned as it ages."""

import json
import pathlib
from collections.abc import Iterable, Iterator

from client.advice import figures

FINE_S = 1800.0  # in which every sample is kept: load is judged by minutes
COARSE_STEP_S = 300.0  # between older ones: leaks and idleness are judged by hours
KEPT_S = 24 * 3600.0  # older ones are forgotten
LINES_MAX = 20_000  # of the file, before it is written anew: 64 instances, every 15 s, for an hour


class History:
    """The samples that are known, on disk where they outlive the process.

    Args:
        path: The file; None to keep them in memory only.
        now_s: Time, in seconds since 1970.
    """

    def __init__(self, path: pathlib.Path | None, now_s: float) -> None:
        self._path, self._lines = path, 0
        self.samples: list[figures.Sample] = list(self._read())
        self._thin(now_s)

    def add(self, samples: Iterable[figures.Sample], now_s: float) -> None:
        """Takes samples and keeps them."""
        fresh = list(samples)
        self.samples += fresh
        if self._path is None:
            self._thin(now_s)
            return
        if self._lines + len(fresh) > LINES_MAX:
            self._thin(now_s)
            self._write()
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a") as file:
            file.writelines(map(_line, fresh))
        self._lines += len(fresh)

    def _thin(self, now_s: float) -> None:
        kept, last = [], {}
        for sample in sorted(self.samples, key=lambda one: one.time_s):
            who, age_s = (sample.service, sample.instance), now_s - sample.time_s
            spaced = sample.time_s - last.get(who, float("-inf")) >= COARSE_STEP_S
            if age_s <= FINE_S or (age_s <= KEPT_S and spaced):
                kept.append(sample)
                last[who] = sample.time_s
        self.samples = kept

    def _write(self) -> None:
        temporary = self._path.with_suffix(".new")
        with temporary.open("w") as file:
            file.writelines(map(_line, self.samples))
        temporary.replace(self._path)
        self._lines = len(self.samples)

    def _read(self) -> Iterator[figures.Sample]:
        if self._path is None or not self._path.exists():
            return
        with self._path.open() as file:
            for line in file:
                self._lines += 1
                if line.endswith("\n"):  # the last line of a process that died while it wrote is half a line
                    yield figures.Sample(*json.loads(line))


def _line(sample: figures.Sample) -> str:
    return json.dumps([sample.service, sample.instance, sample.time_s, sample.values]) + "\n"
