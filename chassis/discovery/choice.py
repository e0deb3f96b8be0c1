"""Which registry this process uses."""

from chassis import settings as settings_module
from chassis.discovery import instance, static


def from_settings(settings: settings_module.Settings) -> instance.Registry:
    """The registry that the settings ask for.

    Raises:
        ValueError: The static list cannot be read.
    """
    return static.StaticRegistry.parse(settings.static_registry)
