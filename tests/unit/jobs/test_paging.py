"""Page tokens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis import errors
from services.jobs import job as jobs
from services.jobs import paging, store

WANTED = store.Filter(10, states=(jobs.JobState.FAILED,), labels={"a": "b"})


def test_token_leads_to_the_next_page() -> None:
    """It says where to go on, whatever the size of the page."""
    token = paging.token(WANTED, 42)
    assert 42 == paging.before(WANTED, token)
    assert 42 == paging.before(store.Filter(99, states=WANTED.states, labels=WANTED.labels), token)


def test_token_of_another_list_is_refused() -> None:
    """Filters may not change between pages."""
    with pytest.raises(errors.InvalidArgument, match="other filters"):
        paging.before(store.Filter(10), paging.token(WANTED, 42))
    with pytest.raises(errors.InvalidArgument, match="other filters"):
        paging.before(store.Filter(10, tenant="b"), paging.token(store.Filter(10, tenant="a"), 42))


@given(st.text(max_size=300))
def test_no_text_breaks_the_reader(text: str) -> None:
    """Whatever a caller sends is refused with the name of the field."""
    with pytest.raises(errors.InvalidArgument) as refusal:
        paging.before(WANTED, text)
    assert ["page_token"] == [field.name for field in refusal.value.fields]
