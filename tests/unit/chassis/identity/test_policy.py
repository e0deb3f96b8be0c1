"""A table names every method of the descriptors, or the server does not start."""

import pytest

from chassis import errors, server, testing
from chassis.identity import caller, policy
from chassis.testing import echo
from tests import census

ALL = dict.fromkeys(echo.METHODS, caller.Role.VIEWER)


@pytest.mark.parametrize("name", census.FILES)
def test_table_of_a_service_is_complete(name: str) -> None:
    """Every method of the protos is in the table of its service, and nothing else is."""
    for full_name in [service for process, service in census.services() if process == name]:
        policy.check(full_name, census.FILES[name][1])


def test_every_rule_names_somebody() -> None:
    """No method is without a rule that can be met, and none is for both services and people."""
    rules = [rule for _, table in census.FILES.values() for rule in table.values()]
    assert {True} == {(rule.role is None) == bool(rule.peers) for rule in rules}


async def test_server_with_a_method_outside_its_table_does_not_start() -> None:
    """A new method that nobody decided about is found before the first call, also where nobody is asked."""
    table = policy.by_role(echo.FULL_NAME, {name: role for name, role in ALL.items() if name != "Put"})
    service = server.Service(echo.EchoServicer(), echo.add_to_server, echo.FULL_NAME, table)
    with pytest.raises(errors.FailedPrecondition, match="EchoService/Put is not in the table"):
        async with testing.serving([service]):
            pass


async def test_server_with_a_method_that_is_not_there_does_not_start() -> None:
    """A rule that nothing has any more is found too."""
    table = policy.by_role(echo.FULL_NAME, {**ALL, "Gone": caller.Role.VIEWER})
    service = server.Service(echo.EchoServicer(), echo.add_to_server, echo.FULL_NAME, table)
    with pytest.raises(errors.FailedPrecondition, match="EchoService/Gone does not exist"):
        async with testing.serving([service]):
            pass


async def test_server_with_a_whole_table_starts() -> None:
    """Control: it is the gap that keeps the others from starting."""
    table = policy.by_role(echo.FULL_NAME, ALL)
    async with testing.serving([server.Service(echo.EchoServicer(), echo.add_to_server, echo.FULL_NAME, table)]) as one:
        assert one.port


def test_secrets_are_for_whoever_uses_them() -> None:
    """Of the services the exporter alone; beside it a person."""
    _, table = census.FILES["config"]
    assert {"exporter", policy.PERSON} == table["reelsmith.config.v1.ConfigService/AccessSecret"].peers
