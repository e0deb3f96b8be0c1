"""Which registry this process uses."""

import logging

import httpx

from chassis import settings as settings_module
from chassis.discovery import consul, instance, static

PROBE_TIMEOUT_S = 0.3  # an agent on this machine answers in milliseconds

logger = logging.getLogger(__name__)


def from_settings(settings: settings_module.Settings) -> instance.Registry:
    """The registry that the settings ask for; asks the default Consul agent, once, where they leave it open.

    Raises:
        ValueError: The static list cannot be read.
    """
    token = settings.consul_token.get_secret_value()
    if settings.discovery == "consul" or (settings.discovery == "auto" and settings.consul_address):
        return consul.ConsulRegistry(settings.consul_address or consul.DEFAULT_ADDRESS, token)
    if settings.discovery == "auto" and not settings.static_registry and _answers(consul.DEFAULT_ADDRESS):
        logger.info("a Consul agent answers on %s: used for discovery", consul.DEFAULT_ADDRESS)
        return consul.ConsulRegistry(consul.DEFAULT_ADDRESS, token)
    return static.StaticRegistry.parse(settings.static_registry)


def _answers(address: str) -> bool:
    try:
        leader = httpx.get(f"{consul.url(address)}/v1/status/leader", timeout=PROBE_TIMEOUT_S, trust_env=False)
    except httpx.HTTPError:
        return False
    return leader.is_success and ":" in leader.text
