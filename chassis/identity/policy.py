"""Which caller may call which method: a table that names every method, or the server does not start."""

import dataclasses
from collections.abc import Mapping

from google.protobuf import descriptor_pool

from chassis import errors
from chassis.identity import caller

PERSON = "admin"  # the certificate of a person, for looking after services directly


@dataclasses.dataclass(frozen=True, slots=True)
class Rule:
    """Who may call one method.

    Args:
        role: Least role of a caller; None where callers are services.
        peers: Services that may call.
    """

    role: caller.Role | None = None
    peers: frozenset[str] = frozenset()


Rules = Mapping[str, Rule]


def by_role(service: str, table: Mapping[str, caller.Role]) -> dict[str, Rule]:
    """Rules of a service that people and their programs call.

    Args:
        service: `package.Service`.
        table: The least role of each method.
    """
    return {f"{service}/{method}": Rule(role=role) for method, role in table.items()}


def by_peer(service: str, table: Mapping[str, str]) -> dict[str, Rule]:
    """Rules of a service that other services call. A person with the certificate `admin` may call everything.

    Args:
        service: `package.Service`.
        table: The services that may call each method, separated by spaces.
    """
    return {f"{service}/{method}": Rule(peers=frozenset({*peers.split(), PERSON})) for method, peers in table.items()}


def check(service: str, rules: Rules) -> None:
    """Makes sure that a table and the descriptors name the same methods.

    Args:
        service: `package.Service`.
        rules: Its table.

    Raises:
        errors.FailedPrecondition: A method is not in the table, or the table has one that there is not.
    """
    declared = {f"{service}/{name}" for name in descriptor_pool.Default().FindServiceByName(service).methods_by_name}
    missing, unknown = sorted(declared - rules.keys()), sorted(rules.keys() - declared)
    if missing or unknown:
        wrong = [f"{name} is not in the table" for name in missing] + [f"{name} does not exist" for name in unknown]
        raise errors.FailedPrecondition(
            f"the table of who may call {service} is not complete: {'; '.join(wrong)}",
            reason="POLICY_INCOMPLETE",
            metadata={"service": service},
        )
