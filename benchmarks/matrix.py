"""Whether every film exports in every layout and shape: passes the gate, or is refused before rendering with a reason.

    python benchmarks/matrix.py [SECONDS] [FOLDER]

Every real and derived film with a picture is analyzed once; of each a short stretch, the one that shows most people, is
exported by real workers in every layout and every shape, with the fastest encoder preset. A cell counts what passed the
gate, what was refused before a frame was rendered, and what failed, which must be nothing. The last column is the least
share of the frames with a subject that show it fully. The table is Markdown; what failed is told below it.
"""

import asyncio
import collections
import dataclasses
import json
import pathlib
import sys
import tempfile
import time
from fractions import Fraction
from typing import Any

from chassis import errors
from media import errors as media_errors
from media import pool, sessions
from services.analyzer import document, measure
from services.exporter import exports, gate, layouts, orders, presets, progress, survey, warm

MEDIA = pathlib.Path(__file__).resolve().parents[2] / "shared" / "media"
SUFFIXES = frozenset({".mp4", ".mkv", ".webm", ".mov", ".ts", ".avi"})
LENGTH_S = 1.0
WORKERS = 2
SETTINGS = ({"exporter": {"presets": {"quick": {"encoder_preset": "ultrafast"}}}}, 1)


@dataclasses.dataclass(frozen=True, slots=True)
class Tried:
    """One export: `passed`, `refused` or `failed`, why, and the share of the subject that is inside."""

    film: str
    layout: str
    ratio: str
    outcome: str
    reason: str
    inside: float | None


def analyzed(path: pathlib.Path) -> bytes:
    """The analysis of a film as it is kept."""
    with path.open("rb") as file:
        value, arrays = measure.run({"threads": 2}, pool.Files({"source": file}, {}), lambda report: None)
    return document.encode(document.analysis(path.name, "", value, arrays))


def busiest(found: bytes, length_s: float) -> survey.Wanted:
    """The stretch that shows most people, else the middle."""
    known: dict[str, Any] = json.loads(found)
    duration_s = float(known["video"]["duration_s"])
    starts = [max(min(duration_s / 2, duration_s - length_s), 0.0)]
    spans = [(item["start_s"], item["end_s"]) for item in known["subjects"] or ()]
    starts += [min(start, max(duration_s - length_s, 0.0)) for start, _ in spans]
    best = max(starts, key=lambda at: sum(start < at + length_s / 2 and at < end for start, end in spans))
    return survey.Wanted(seconds=(Fraction(best), Fraction(best + length_s)))


async def tried(exporter: exports.Exporter, session: sessions.Session, order: orders.Order) -> Tried:
    """Exports once."""
    heard: list[progress.Progress] = []
    about = pathlib.PurePosixPath(order.source_uri).name, order.layout, order.aspect_ratio
    try:
        made = await exporter.export(order, heard.append)
    except (errors.Error, media_errors.MediaError) as error:
        early = {"sound", "encode", "check"}.isdisjoint(now.stage for now in heard)
        return Tried(*about, "refused" if early and error.reason else "failed", f"{error.reason}: {error}", None)
    failed = [one.name for one in made.checks if one.state == gate.FAILED]
    framing = json.loads(session.read(made.manifest.path, 1 << 22))["framing"]
    return Tried(*about, "failed" if failed else "passed", ", ".join(failed), framing["subject_inside"])


async def every(films: list[pathlib.Path], length_s: float, folder: pathlib.Path) -> list[Tried]:
    """Exports all, some at a time."""
    workers = pool.Pool(pool.PoolSettings(workers=WORKERS, preload=warm.PRELOAD))
    store = sessions.Sessions(folder / "store")
    limits = exports.Limits(threads=1, render_deadline_s=600.0, check_deadline_s=600.0, heartbeat_s=120.0)
    exporter = exports.Exporter(
        workers, exports.Storage(store, sessions.Sources(sessions.Uploads(folder))), lambda: SETTINGS, limits
    )
    found: list[Tried] = []
    async with workers:
        for film in films:
            session, analysis = store.create(), await asyncio.to_thread(analyzed, film)
            session.write_bytes("metadata/analysis.json", analysis)
            orders = [
                orders.Order(
                    film.as_uri(), session.id, "", f"{layout}-{ratio.replace(':', '-')}", busiest(analysis, length_s),
                    "quick", ratio, layout, "metadata/analysis.json", None,
                )
                for layout in layouts.CHOICES
                for ratio in presets.ASPECT_RATIOS
            ]  # fmt: skip
            found += await asyncio.gather(*(tried(exporter, session, order) for order in orders))
            print(film.name, collections.Counter(one.outcome for one in found[-len(orders) :]), file=sys.stderr)
    return found


def table(found: list[Tried]) -> str:
    """The result as Markdown: passed/refused/failed."""
    ratios = list(presets.ASPECT_RATIOS)
    lines = [f"| layout | {' | '.join(ratios)} | least of the subject inside |", "|---" * (len(ratios) + 2) + "|"]
    for layout in layouts.CHOICES:
        cells = []
        for ratio in ratios:
            counts = collections.Counter(one.outcome for one in found if (one.layout, one.ratio) == (layout, ratio))
            cells.append(f"{counts['passed']}/{counts['refused']}/{counts['failed']}")
        shares = [one.inside for one in found if one.layout == layout and one.inside is not None]
        lines.append(f"| {layout} | {' | '.join(cells)} | {100 * min(shares, default=0.0):.0f} % |")
    return "\n".join(lines)


def main(length_s: float, folder: pathlib.Path) -> None:
    """Exports all, prints the table and what was refused and failed."""
    films = [path for name in ("real", "derived") for path in sorted((folder / name).iterdir())]
    films = [path for path in films if path.suffix in SUFFIXES]
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        found = asyncio.run(every(films, length_s, pathlib.Path(scratch)))
    print(table(found))
    print(f"\n{len(films)} films, {len(found)} exports, {time.perf_counter() - began:.0f} s in all\n")
    reasons = collections.Counter(
        (one.layout, one.reason.partition(":")[0]) for one in found if one.outcome == "refused"
    )
    print(
        "\n".join(f"refused: {layout}, {reason}, {count} times" for (layout, reason), count in sorted(reasons.items()))
    )
    print(
        "\n".join(
            f"failed: {one.film} {one.layout} {one.ratio}: {one.reason}" for one in found if one.outcome == "failed"
        )
    )


if __name__ == "__main__":
    main(
        float(sys.argv[1]) if len(sys.argv) > 1 else LENGTH_S, pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else MEDIA
    )
