"""Messages of an MQTT broker, each kept by the broker until it is done: what a killed run had not finished comes again.

The session lasts: the broker remembers the client by its name and keeps what is published meanwhile. Messages are asked
for with QoS 1, because then one that was not acknowledged is sent again to whoever comes next under that name.
"""

import asyncio
import contextlib
import dataclasses
import urllib.parse
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Any

from chassis import errors

if TYPE_CHECKING:
    from paho.mqtt import client as mqtt

PORTS = {"mqtt": 1883, "mqtts": 8883}
QOS = 1  # at least once; with QoS 2 a new process would not get what a killed one had only half taken
HELD_MAX = 64  # messages that the broker sends before the first of them is done
SESSION_S = 30 * 86400  # how long the broker keeps what is published while nobody listens: over any holiday
PAYLOAD_BYTES_MAX = 64 * 1024  # a path, a URL or a small document
RETRY_FIRST_S, RETRY_MAX_S = 1, 30  # between attempts to connect
KEEPALIVE_S = 30  # a broker that is gone without a word is noticed within a minute


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Where a broker is, and as whom it is met.

    Args:
        host: Its name or address.
        port: Its port.
        encrypted: Whether by TLS, checked against the system's authorities.
        user: Name of a user; empty for none.
        password: Its password.
        client_id: The name under which the broker remembers this client; two with the same name push each other out.
    """

    host: str
    port: int
    encrypted: bool
    user: str = ""
    password: str = dataclasses.field(default="", repr=False)
    client_id: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Message:
    """A message, and how to say that it is done.

    Args:
        topic: Where it was published.
        payload: What it says.
        done: Tells the broker that it need not come again.
    """

    topic: str
    payload: bytes
    done: Callable[[], None]


def place(url: str, client_id: str, password: str = "") -> Place:
    """The broker that a URL names, `mqtt://[USER@]HOST[:PORT]` or `mqtts://`.

    Raises:
        errors.InvalidArgument: It is no such URL, or has a password, which others could read in the list of processes.
    """
    try:
        parts = urllib.parse.urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise errors.InvalidArgument(f"{url!r} is no URL of a broker: {error}") from error
    if parts.scheme not in PORTS or not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        raise errors.InvalidArgument(f"{url!r} is not of the form mqtt://[USER@]HOST[:PORT], or mqtts:// for TLS")
    if parts.password is not None:
        raise errors.InvalidArgument("the password of a broker belongs into REELSMITH_MQTT_PASSWORD, not into its URL")
    user = urllib.parse.unquote(parts.username or "")
    return Place(parts.hostname, port or PORTS[parts.scheme], parts.scheme == "mqtts", user, password, client_id)


@contextlib.asynccontextmanager
async def listening(
    where: Place, topics: Sequence[str], say: Callable[[str], None]
) -> AsyncIterator["asyncio.Queue[Message]"]:
    """The messages of topics, for the time of the block; connects again whenever the connection is lost.

    Args:
        where: The broker.
        topics: Filters of topics.
        say: Told how the connection is.
    """
    arrived: asyncio.Queue[Message] = asyncio.Queue(HELD_MAX)
    line = _Line(where, topics, arrived, say)
    line.start()
    try:
        yield arrived
    finally:
        await asyncio.to_thread(line.stop)


class _Line:
    """The connection, which lives in a thread of the library; what it hears is handed to the loop."""

    def __init__(
        self, where: Place, topics: Sequence[str], arrived: "asyncio.Queue[Message]", say: Callable[[str], None]
    ) -> None:
        self._where, self._topics, self._arrived = where, topics, arrived
        self._loop, self._say = asyncio.get_running_loop(), say
        self._connection = 0  # its number: a message is acknowledged on the connection that brought it
        self._kept = ""
        self._client = self._made()

    def start(self) -> None:
        """Begins to connect."""
        from paho.mqtt import packettypes, properties

        wishes = properties.Properties(packettypes.PacketTypes.CONNECT)
        wishes.SessionExpiryInterval, wishes.ReceiveMaximum = SESSION_S, HELD_MAX
        self._client.connect_async(
            self._where.host, self._where.port, KEEPALIVE_S, clean_start=False, properties=wishes
        )
        self._client.loop_start()

    def stop(self) -> None:
        """Leaves; the broker keeps what comes meanwhile."""
        self._client.disconnect()
        self._client.loop_stop()

    def _made(self) -> "mqtt.Client":
        from paho.mqtt import client as mqtt

        made = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, self._where.client_id, protocol=mqtt.MQTTv5, manual_ack=True
        )
        made.reconnect_delay_set(RETRY_FIRST_S, RETRY_MAX_S)
        if self._where.user:
            made.username_pw_set(self._where.user, self._where.password)
        if self._where.encrypted:
            made.tls_set()
        made.on_connect, made.on_connect_fail = self._connected, self._failed
        made.on_disconnect, made.on_message, made.on_subscribe = self._lost, self._heard, self._subscribed
        return made

    def _tell(self, call: Callable[..., Any], *values: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended: so will this thread
            self._loop.call_soon_threadsafe(call, *values)

    def _connected(self, client: "mqtt.Client", _: object, flags: Any, reason: Any, properties: object) -> None:
        if reason.is_failure:
            self._tell(self._say, f"the broker refuses: {reason}")
            return
        self._connection += 1
        self._kept = ", which kept what came meanwhile" if flags.session_present else ""
        client.subscribe([(topic, self._options()) for topic in self._topics])

    def _subscribed(self, client: object, data: object, number: object, reasons: list, properties: object) -> None:
        for topic, reason in zip(self._topics, reasons, strict=False):  # a broker answers for each topic
            if reason.is_failure:
                self._tell(self._say, f"the broker refuses {topic}: {reason}")
        if not all(reason.is_failure for reason in reasons):
            self._tell(self._say, f"listens at {self._where.host}:{self._where.port}{self._kept}")

    def _options(self) -> Any:
        from paho.mqtt import subscribeoptions

        return subscribeoptions.SubscribeOptions(qos=QOS)

    def _failed(self, *_: object) -> None:
        self._tell(self._say, f"waits for the broker at {self._where.host}:{self._where.port}")

    def _lost(self, client: object, data: object, flags: object, reason: Any, properties: object) -> None:
        if reason.is_failure:
            self._tell(self._say, f"lost the broker: {reason}")

    def _heard(self, client: "mqtt.Client", _: object, message: Any) -> None:
        connection, number, qos = self._connection, message.mid, message.qos

        def done() -> None:
            if connection == self._connection:  # on another one the broker sends it again, under another number
                client.ack(number, qos)

        self._tell(self._put, Message(message.topic, message.payload, done))

    def _put(self, message: Message) -> None:
        try:
            self._arrived.put_nowait(message)
        except asyncio.QueueFull:  # the broker holds back what is to be acknowledged: this was published with QoS 0
            self._say(f"{message.topic}: lost a message, publish with QoS 1 to keep them")
