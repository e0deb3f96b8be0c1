"""The static list is read from one line of text."""

import pytest

from chassis import discovery, settings
from chassis.discovery import consul as consul_registry


async def first(registry: discovery.Registry, service: str) -> list[str]:
    """Addresses of the first list."""
    watch = registry.watch(service)
    instances = await anext(watch)
    await watch.aclose()
    return [item.address for item in instances]


async def test_list_names_services_and_addresses() -> None:
    """Semicolons part services, commas part instances."""
    registry = discovery.StaticRegistry.parse("analyzer=127.0.0.1:1, 127.0.0.1:2; jobs=[::1]:3;")
    assert ["127.0.0.1:1", "127.0.0.1:2"] == await first(registry, "analyzer")
    assert ["[::1]:3"] == await first(registry, "jobs")


async def test_unknown_service_has_no_instances() -> None:
    """Which is no error: it may be found later elsewhere."""
    assert [] == await first(discovery.StaticRegistry.parse(""), "analyzer")


@pytest.mark.parametrize("text", ["analyzer", "=127.0.0.1:1", "analyzer=127.0.0.1", "analyzer=:1", "analyzer=a:b"])
def test_malformed_entry_is_refused_with_its_text(text: str) -> None:
    """The message shows what cannot be read."""
    with pytest.raises(ValueError, match="static registry"):
        discovery.StaticRegistry.parse(text)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"discovery": "static", "consul_address": "127.0.0.1:1"}, discovery.StaticRegistry),
        ({"discovery": "consul"}, consul_registry.ConsulRegistry),
        ({"discovery": "auto", "consul_address": "127.0.0.1:1"}, consul_registry.ConsulRegistry),
        ({"discovery": "auto", "static_registry": "jobs=127.0.0.1:3"}, discovery.StaticRegistry),
    ],
)
def test_settings_choose_the_registry(values: dict[str, str], expected: type) -> None:
    """What is said plainly is obeyed."""
    assert expected is type(discovery.from_settings(settings.Settings(**values)))
