"""The report of a run, in Markdown and as a page."""

import html
import pathlib
from collections.abc import Sequence

from failpoints import names
from tests.chaos.harness import phases

WRONGS_SHOWN = 20  # the first ones say what is wrong


def passed(result: phases.Result) -> bool:
    """Whether a phase is as it must be: green, or red where it is a control."""
    return bool(result.wrong) == result.name.startswith("control")


def unreached(results: Sequence[phases.Result]) -> list[str]:
    """Failpoints that nothing was killed at."""
    return sorted(names.ALL - {name for result in results for name in result.reached})


def row(result: phases.Result) -> list[str]:
    """One line of the table."""
    figures = ", ".join(f"{name}: {value}" for name, value in result.figures.items())
    verdict = ("red, as it must be" if result.name.startswith("control") else "0") if passed(result) else "WRONG"
    wrong = f"{verdict} ({len(result.wrong)})" if result.wrong else verdict if passed(result) else "green: WRONG"
    return [result.name, str(result.tried), str(result.fired), wrong, figures, f"{result.seconds:.0f} s"]


HEAD = ["phase", "faults", "came", "lost, doubled, torn, stuck", "figures", "time"]


def written(folder: pathlib.Path, title: str, results: Sequence[phases.Result]) -> pathlib.Path:
    """Writes both forms; returns the file of the first."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [row(result) for result in results]
    missing = unreached(results)
    reached = f"{len(names.ALL) - len(missing)} of {len(names.ALL)} failpoints had somebody killed at them"
    lines = [f"# {title}", "", f"{reached}{': all but ' + ', '.join(missing) if missing else ''}.", ""]
    lines += ["| " + " | ".join(cells) + " |" for cells in (HEAD, ["---"] * len(HEAD), *rows)]
    for result in results:
        if result.wrong:
            lines += ["", f"## {result.name}", "", *(f"- {wrong}" for wrong in result.wrong[:WRONGS_SHOWN])]
    file = folder / "report.md"
    file.write_text("\n".join(lines) + "\n")
    (folder / "report.html").write_text(_page(title, lines[2], rows))
    return file


def _page(title: str, reached: str, rows: Sequence[Sequence[str]]) -> str:
    def cells(tag: str, values: Sequence[str]) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(value)}</{tag}>" for value in values) + "</tr>"

    style = "body{font:15px sans-serif;margin:2em}td,th{padding:.3em .8em;text-align:left;border-bottom:1px solid #ccc}"
    table = cells("th", HEAD) + "".join(cells("td", one) for one in rows)
    words = f"<h1>{html.escape(title)}</h1><p>{html.escape(reached)}</p><table>{table}</table>"
    return f"<!doctype html><meta charset=utf-8><title>{html.escape(title)}</title><style>{style}</style>{words}\n"
