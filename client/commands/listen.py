"""`reelsmith listen`: each recording that messages of a broker tell of becomes clips, once."""

import hashlib
import os
import pathlib
import socket
from typing import Annotated

import typer
from reelsmith.jobs.v1 import jobs_pb2 as jobs

from chassis import errors
from client import announced, broker, place, submission, terminal
from client.commands import dressing, options, session, watch

PASSWORD = "REELSMITH_MQTT_PASSWORD"  # noqa: S105 - a name of a variable


def listen(
    url: Annotated[str, typer.Argument(metavar="URL", help="The broker: mqtt://[USER@]HOST[:PORT], or mqtts://.")],
    topic: Annotated[
        list[str],
        typer.Option(metavar="FILTER[=PRESET]", help="Topics, such as studio/+/done=tiktok; may be repeated."),
    ],
    root: Annotated[
        pathlib.Path | None,
        typer.Option(
            metavar="DIR",
            help="Messages may name files below it; else only URLs.",
            exists=True,
            file_okay=False,
            resolve_path=True,
        ),
    ] = None,
    preset: Annotated[str, typer.Option(help="Delivery preset where a topic names none.")] = "default",
    count: Annotated[int, typer.Option(min=1, max=100, help="How many clips at most of each recording.")] = 5,
    min_s: Annotated[float, typer.Option("--min", min=0.5, max=3600, metavar="S", help="Shortest clip, seconds.")] = 15,
    max_s: Annotated[float, typer.Option("--max", min=0.5, max=3600, metavar="S", help="Longest clip, seconds.")] = 60,
    aspect: Annotated[options.Aspect | None, typer.Option(help="Shape; the preset's by default.")] = None,
    layout: options.Filling = None,
    captions: dressing.Captions = None,
    client_id: Annotated[
        str,
        typer.Option(metavar="NAME", help="Name at the broker; by default of machine, user and topics."),
    ] = "",
    gateway: options.Gateway = "",
) -> None:
    """Submit each recording that messages at an MQTT broker tell of, once.

    A message is the path of a finished file, its URL, or a JSON object with
    path or url, and title. It is done when its job is on disk: killed and
    started again, the command goes on with what the broker kept meanwhile.
    The password of USER is taken from REELSMITH_MQTT_PASSWORD.
    """
    spec = watch.each(preset, count, (min_s, max_s), aspect, layout, captions)
    sources = [_source(text, preset) for text in topic]
    terminal.run(_listen(url, client_id or _name(sources), sources, root, spec, gateway))


def _source(text: str, preset: str) -> announced.Source:
    topics, _, own = text.partition("=")
    if not topics:
        raise typer.BadParameter(f"--topic {text}: FILTER or FILTER=PRESET")
    return announced.Source(topics, own or preset)


def _name(sources: list[announced.Source]) -> str:
    """A name for the broker that is the same at every start, and another one elsewhere."""
    who = (socket.gethostname(), str(os.getuid()), str(place.home()), *(one.topics for one in sources))
    return "reelsmith-" + hashlib.sha256("\0".join(who).encode()).hexdigest()[:16]


async def _listen(
    url: str,
    client_id: str,
    sources: list[announced.Source],
    root: pathlib.Path | None,
    spec: jobs.JobSpec,
    address: str,
) -> terminal.Code:
    where = broker.place(url, client_id, os.environ.get(PASSWORD, ""))
    try:
        import paho.mqtt  # noqa: F401
    except ImportError as error:
        raise errors.FailedPrecondition(
            "listening needs the MQTT client: install reelsmith[mqtt]", reason="NO_MQTT"
        ) from error
    async with session.running(address) as suite:
        submissions = submission.Submissions(suite, place.local(place.find(address).gateway))
        listener = announced.Listener(submissions, sources, root, spec, terminal.say)
        async with broker.listening(where, [one.topics for one in sources], terminal.say) as arrived:
            await listener.run(arrived)
    return terminal.Code.DONE
