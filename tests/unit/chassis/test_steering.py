"""Settings that change while a process runs."""

import logging
from collections.abc import Iterator

import prometheus_client
import pytest

from chassis import errors, settings, steering

LIMITS = ("workers", "queue_limit")


class Settings(settings.WorkerSettings):
    """Settings of a process of this test."""

    model_config = settings.config("analyzer")
    name = "analyzer"


@pytest.fixture(autouse=True)
def level() -> Iterator[None]:
    """Leaves the level of the log as it was."""
    before = logging.getLogger().level
    yield
    logging.getLogger().setLevel(before)


def document(**values: object) -> dict:
    """A document with settings of the analyzer."""
    return {"analyzer": {"settings": values}}


def test_named_settings_change_and_others_stay() -> None:
    """Live settings are taken over and told; what is taken out of the document is as the process was started."""
    told = []
    started = Settings(workers=2, queue_limit=9)
    steered = steering.Steering(started, lambda now: told.append((now.workers, now.queue_limit)))
    steered.take(document(workers=5, log_level="DEBUG"))
    assert (5, 9, logging.DEBUG) == (steered.settings.workers, steered.settings.queue_limit, logging.getLogger().level)
    steered.take(document(workers=5, log_level="DEBUG"))
    steered.take(document(queue_limit=1))
    assert ([(5, 9), (2, 1)], logging.INFO) == (told, logging.getLogger().level)
    assert 2 == started.workers


def test_settings_in_force_are_shown_among_the_metrics() -> None:
    """Whoever would change one has to know what it is, whether the document, a variable or nobody named it."""
    steered = steering.Steering(Settings(workers=2, queue_limit=9))
    steered.take(document(workers=5))
    shown = [prometheus_client.REGISTRY.get_sample_value("reelsmith_setting", {"name": name}) for name in LIMITS]
    assert [5.0, 9.0] == shown


def test_setting_that_needs_a_restart_is_not_taken() -> None:
    """Fields that are not live stay, also where a document of another release names them."""
    steered = steering.Steering(Settings(port=7))
    steered.accept(document(port=8, nothing=1))
    steered.take(document(port=8, nothing=1))
    assert 7 == steered.settings.port


def test_setting_that_cannot_be_is_refused_with_its_path() -> None:
    """The rules of the settings hold for the document too."""
    steered = steering.Steering(Settings())
    with pytest.raises(errors.FailedPrecondition, match=r"analyzer\.settings\.workers: Input should be greater"):
        steered.accept(document(workers=0))
    for other in ({}, {"analyzer": {}}, {"analyzer": None}, {"jobs": {"settings": {"workers": 0}}}):
        steered.accept(other)
