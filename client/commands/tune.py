"""`reelsmith tune`: weights that fit the clips that people liked."""

import enum
import pathlib
from typing import Annotated

import rich.markup
import rich.table
import typer

from client import config, terminal, tuning
from client.commands import documents, options

STUDY = "tuning.journal"  # beside the table


class Then(enum.StrEnum):
    """What is done with the result."""

    SHOW = "show"
    PROPOSE = "propose"
    SET = "set"


def tune(
    table: Annotated[
        pathlib.Path,
        typer.Argument(
            metavar="TABLE",
            help="CSV with columns document, rank, liked: a file that `analyze --json` wrote, a clip of it, yes or no.",
            exists=True,
            dir_okay=False,
        ),
    ],
    then: Annotated[Then, typer.Option(help="Only show the result, propose it to a second person, or set it.")] = (
        Then.SHOW
    ),
    trials: Annotated[int, typer.Option(min=1, max=100_000, help="Tries of each search.")] = 300,
    seed: Annotated[int, typer.Option(min=0, max=2**31, help="Of all that is drawn.")] = 0,
    study: Annotated[
        pathlib.Path | None, typer.Option(help="Keeps the tries, so that a search goes on; beside TABLE by default.")
    ] = None,
    as_json: options.Json = False,
    environment: documents.Environment = "",
    service: documents.Service = "",
) -> None:
    """Fit the weights of clips' scores to TABLE; set or proposed only if they help with videos not seen."""
    kept = study or table.with_name(STUDY)
    terminal.run(_tune(table, then, (trials, seed, kept), as_json, (service, environment)), as_json)


async def _tune(
    table: pathlib.Path,
    then: Then,
    search: tuple[int, int, pathlib.Path],
    as_json: bool,
    where: tuple[str, str],
) -> terminal.Code:
    trials, seed, study = search
    videos = tuning.read(table)
    async with documents.connected(*where) as connection:
        current = config.at(config.plain(await connection.get()), "analyzer.weights")
    # Nothing else runs in this process: the loop may wait for the search, and Ctrl-C still ends it.
    found = tuning.fit(videos, current, trials=trials, seed=seed, study=study)
    said = (
        f"tuned on {found.pairs} pairs of {found.videos} videos: held out {found.held_out_before:.1%} -> "
        f"{found.held_out_after:.1%} in order, seed {seed}, {trials} tries, study {study.name}"
    )
    if as_json:
        terminal.write({"weights": found.weights, "before": found.held_out_before, "after": found.held_out_after})
    else:
        _show(found, current)
        terminal.say(said)
    if then is Then.SHOW:
        return terminal.Code.DONE
    if not found.better:
        terminal.complain("nothing is changed: the weights do not help with videos that they were not fitted to")
        return terminal.Code.FAILED
    paths = [f"analyzer.weights.{name}" for name in found.weights]
    document = {"analyzer": {"weights": found.weights}}
    async with documents.connected(*where) as connection:
        if then is Then.PROPOSE:
            terminal.err.print(f"proposal {(await connection.propose(document, paths, said, '')).id}")
        else:
            terminal.err.print(documents.describe(await connection.update(document, paths, said)))
    return terminal.Code.DONE


def _show(found: tuning.Outcome, current: dict[str, float]) -> None:
    table = rich.table.Table("term", "now", "fitted")
    for name, weight in found.weights.items():
        table.add_row(*map(rich.markup.escape, (name, f"{current[name]:g}", f"{weight:g}")))
    terminal.out.print(table)
