"""Settings come from the environment: a service's own variables first, the shared ones after."""

import pathlib

import pydantic
import pytest

from chassis import settings


class Settings(settings.Settings):
    """Settings of a service in a test."""

    model_config = settings.config("mill")
    name = "mill"
    port: int = 50099
    stones: int = pydantic.Field(default=2, description="How many stones.")


def test_own_variable_wins_over_the_shared_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """One process can differ from all others."""
    monkeypatch.setenv("REELSMITH_LOG_LEVEL", "ERROR")
    monkeypatch.setenv("REELSMITH_MILL_LOG_LEVEL", "DEBUG")
    assert "DEBUG" == Settings().log_level


def test_shared_variable_holds_where_there_is_no_own(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    """All processes are told once."""
    monkeypatch.setenv("REELSMITH_SESSIONS_ROOT", str(tmp_path))
    assert tmp_path == Settings().sessions_root


def test_argument_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests and launchers have the last word."""
    monkeypatch.setenv("REELSMITH_MILL_STONES", "3")
    assert 4 == Settings(stones=4).stones


def test_consul_keeps_its_own_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """CONSUL_HTTP_ADDR means what it means everywhere."""
    monkeypatch.setenv("CONSUL_HTTP_ADDR", "10.0.0.1:8500")
    assert "10.0.0.1:8500" == Settings().consul_address


def test_wrong_value_is_refused_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A typing error in the environment does not start a process."""
    monkeypatch.setenv("REELSMITH_MILL_PORT", "99999999")
    monkeypatch.setenv("REELSMITH_MILL_STONES", "many")
    with pytest.raises(pydantic.ValidationError, match="stones"):
        Settings()


@pytest.mark.parametrize(("host", "given", "expected"), [("127.0.0.1", "", "127.0.0.1"), ("0.0.0.0", "a.b", "a.b")])
def test_advertised_host_is_what_others_can_reach(host: str, given: str, expected: str) -> None:
    """The given name, or the listening address."""
    assert expected == Settings(host=host, advertise_host=given).advertised_host


def test_wildcard_is_never_advertised() -> None:
    """Nobody can call 0.0.0.0."""
    assert Settings(host="0.0.0.0").advertised_host not in settings.WILDCARD_HOSTS


def test_every_field_says_what_it_is_for() -> None:
    """The settings document themselves."""
    assert [] == [name for name, field in settings.Settings.model_fields.items() if not field.description]


def test_secret_is_not_printed() -> None:
    """A token in a log is a token lost."""
    assert "hush" not in repr(Settings(consul_token=pydantic.SecretStr("hush")))
