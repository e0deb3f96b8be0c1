"""Consul as the registry: py-consul to be listed, blocking queries of our own to follow a list."""

import asyncio
import logging
import random
import time
import urllib.parse
from collections.abc import AsyncIterator, Mapping
from typing import Any

import consul
import httpx
import requests

from chassis import errors
from chassis.discovery import instance as instance_module
from chassis.discovery import steady

CHECK_INTERVAL = "1s"  # a dead process is off the list in about a second
CHECK_TIMEOUT = "2s"
DEREGISTER_AFTER = "1m"  # the least that Consul accepts: what crashed and never came back is forgotten
REQUEST_TIMEOUT_S = 2.0  # the agent is on this machine
WAIT_S = 30.0  # how long Consul holds a query that has no news; without it 5 minutes
WAIT_SLACK_S = 10.0  # Consul adds up to a sixteenth of the wait, and a busy machine some more
PAUSE_S, PAUSE_MAX_S = 0.2, 5.0  # between queries that fail

logger = logging.getLogger(__name__)


class ConsulRegistry:
    """Lists this process at an agent and follows services there.

    Args:
        address: `host:port` or a URL.
        token: ACL token; empty for none.
    """

    def __init__(self, address: str, token: str = "") -> None:
        self._url = url(address)
        parts = urllib.parse.urlsplit(self._url)
        self._agent = consul.Consul(
            parts.hostname, parts.port, token or None, parts.scheme, connections_timeout=REQUEST_TIMEOUT_S
        )
        self._headers = {"X-Consul-Token": token} if token else {}

    async def register(self, instance: instance_module.Instance) -> None:
        """Lists an instance with a gRPC check, unless the agent has it already.

        A second registration would set the check back to passing, whatever it found, so the agent is asked first.

        Raises:
            errors.Unavailable: The agent does not answer or refuses.
        """
        listed = await self._ask(self._agent.agent.services)
        entry = listed.get(instance.id)
        if entry and (entry["Address"], entry["Port"]) == (instance.host, instance.port):
            return
        await self._ask(
            self._agent.agent.service.register,
            instance.service,
            service_id=instance.id,
            address=instance.host,
            port=instance.port,
            meta=dict(instance.metadata),
            check=_check(instance),
        )

    async def deregister(self, instance: instance_module.Instance) -> None:
        """Strikes an instance off.

        Raises:
            errors.Unavailable: The agent does not answer or refuses.
        """
        await self._ask(self._agent.agent.service.deregister, instance.id)

    async def watch(self, service: str) -> AsyncIterator[tuple[instance_module.Instance, ...]]:
        """Yields the instances whose check passes, at once and after every change.

        Args:
            service: Name of the service.
        """
        believed = steady.Steady()
        published: tuple[instance_module.Instance, ...] | None = None
        index, failures = 0, 0
        async with httpx.AsyncClient(base_url=self._url, headers=self._headers, trust_env=False) as client:
            while True:  # for ever: one blocking query after the other, paused after failures
                try:
                    listed, newest = await _query(client, service, index, believed.left_s(time.monotonic()))
                except errors.Unavailable as failure:
                    index, failures = 0, failures + 1  # an agent that restarted would block on an index of its past
                    believed.outage(time.monotonic())
                    await _pause(service, failures, failure)
                    continue
                if newest < index:  # the agent lost its state: so may have its list
                    believed.outage(time.monotonic())
                    newest = 0
                if failures:
                    logger.info("consul answers again about %s", service)
                index, failures = newest, 0
                instances = believed.update(listed, time.monotonic())
                if instances != published:
                    published = instances
                    yield instances

    async def _ask(self, function: Any, *arguments: Any, **named: Any) -> Any:
        """Runs one request of py-consul in a thread: its asyncio twin would bring a second HTTP library."""
        try:
            return await asyncio.to_thread(function, *arguments, **named)
        except (consul.ConsulException, requests.RequestException) as failure:
            raise errors.Unavailable(
                f"consul at {self._url}: {failure}", reason="REGISTRY", metadata={"address": self._url}
            ) from failure


def url(address: str) -> str:
    """The URL of an agent, from a URL or from `host:port`."""
    return address.rstrip("/") if "://" in address else f"http://{address}"


def _check(instance: instance_module.Instance) -> Mapping[str, str]:
    return {
        "GRPC": instance.metadata.get(instance_module.HEALTH, instance.address),
        "Interval": CHECK_INTERVAL,
        "Timeout": CHECK_TIMEOUT,
        "Status": "passing",  # it serves already: waiting for the first check would only hide it for a second
        "DeregisterCriticalServiceAfter": DEREGISTER_AFTER,
    }


async def _query(
    client: httpx.AsyncClient, service: str, index: int, hold_s: float | None
) -> tuple[list[instance_module.Instance], int]:
    """One blocking query: the list and its index.

    Raises:
        errors.Unavailable: No answer, or none that can be read.
    """
    wait_s = WAIT_S if hold_s is None else min(WAIT_S, hold_s + 0.1)
    parameters = {"passing": "1", "index": str(index), "wait": f"{max(1, round(wait_s * 1000))}ms"}
    path = f"/v1/health/service/{urllib.parse.quote(service, safe='')}"
    try:
        answer = await client.get(path, params=parameters, timeout=wait_s * 17 / 16 + WAIT_SLACK_S)
        answer.raise_for_status()
        newest = int(answer.headers["X-Consul-Index"])
        return [_instance(entry["Service"], entry["Node"]) for entry in answer.json()], newest
    except (httpx.HTTPError, KeyError, ValueError) as failure:
        raise errors.Unavailable(f"consul: {failure or type(failure).__name__}", reason="REGISTRY") from failure


def _instance(service: Mapping[str, Any], node: Mapping[str, Any]) -> instance_module.Instance:
    host = service["Address"] or node["Address"]
    return instance_module.Instance(service["Service"], service["ID"], host, service["Port"], service["Meta"] or {})


async def _pause(service: str, failures: int, failure: errors.Error) -> None:
    if failures == 1:
        logger.warning("the list of %s cannot be followed; the last one stays true: %s", service, failure)
    length_s = min(PAUSE_MAX_S, PAUSE_S * 2 ** min(failures - 1, 10))  # 10: the cap is long reached
    await asyncio.sleep(length_s * random.uniform(0.8, 1.2))  # noqa: S311  spreads the clients of a restarted agent
