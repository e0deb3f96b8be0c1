"""Which registry this process uses."""

import http.client
import logging

from chassis import settings as settings_module
from chassis.discovery import dns, instance, static

DEFAULT_ADDRESS = "127.0.0.1:8500"  # of a Consul agent
PROBE_TIMEOUT_S = 0.3  # an agent on this machine answers in milliseconds
LEADER_BYTES_MAX = 256  # an address and a port, in quotes

logger = logging.getLogger(__name__)


def from_settings(settings: settings_module.Settings) -> instance.Registry:
    """The registry that the settings ask for; asks the default Consul agent, once, where they leave it open.

    Raises:
        ValueError: The static list cannot be read.
    """
    token = settings.consul_token.get_secret_value()
    if settings.discovery == "consul" or (settings.discovery == "auto" and settings.consul_address):
        return _consul(settings.consul_address or DEFAULT_ADDRESS, token)
    if settings.discovery == "auto" and not settings.static_registry and _answers(DEFAULT_ADDRESS):
        logger.info("a Consul agent answers on %s: used for discovery", DEFAULT_ADDRESS)
        return _consul(DEFAULT_ADDRESS, token)
    listed = static.StaticRegistry.parse(settings.static_registry)
    return dns.DnsRegistry(listed) if settings.discovery == "dns" else listed


def _consul(address: str, token: str) -> instance.Registry:
    from chassis.discovery import consul  # its HTTP clients are a third of what a service loads at its start

    return consul.ConsulRegistry(address, token)


def _answers(address: str) -> bool:
    connection = http.client.HTTPConnection(address, timeout=PROBE_TIMEOUT_S)
    try:
        connection.request("GET", "/v1/status/leader")
        answer = connection.getresponse()
        return answer.status == http.HTTPStatus.OK and b":" in answer.read(LEADER_BYTES_MAX)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
