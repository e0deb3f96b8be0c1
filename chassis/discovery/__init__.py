"""How processes find each other: a registry, either Consul (`discovery.consul`) or a fixed list."""

from chassis.discovery.choice import from_settings
from chassis.discovery.instance import HEALTH, Instance, Registry, address
from chassis.discovery.static import StaticRegistry

__all__ = ["HEALTH", "Instance", "Registry", "StaticRegistry", "address", "from_settings"]
