"""Where the time of a thread goes."""

import time
from collections.abc import Mapping


class Stopwatch:
    """Wall and processor time per stage, of the thread that asks."""

    def __init__(self) -> None:
        self.stages: dict[str, list[float]] = {}
        self.start()

    def start(self) -> None:
        """Begins a stage now: what came before is booked on none."""
        self._wall_s, self._cpu_s = time.perf_counter(), time.thread_time()

    def lap(self, stage: str) -> None:
        """Books the time since the last lap on a stage."""
        wall_s, cpu_s = self._wall_s, self._cpu_s
        self.start()
        self._book(stage, self._wall_s - wall_s, self._cpu_s - cpu_s)

    def add(self, stages: Mapping[str, list[float]]) -> None:
        """Books what another thread has spent."""
        for stage, (wall_s, cpu_s) in stages.items():
            self._book(stage, wall_s, cpu_s)

    def _book(self, stage: str, wall_s: float, cpu_s: float) -> None:
        booked = self.stages.setdefault(stage, [0.0, 0.0])
        booked[0] += wall_s
        booked[1] += cpu_s
