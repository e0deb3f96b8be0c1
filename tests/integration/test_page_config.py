"""Operators read the configuration on the page: a real gateway and configuration service, and a real browser."""

import signal
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from chassis import testing
from tests.e2e import test_page
from tests.integration import conftest, doors

pytestmark = pytest.mark.asyncio(loop_scope="module")

SETTING = "analyzer.weights.motion"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The address of a gateway before a configuration service; nobody takes jobs."""
    folder = tmp_path_factory.mktemp("page")
    gateway, _, url = doors.processes(folder, testing.free_port())
    port = testing.free_port()
    own = {"REELSMITH_CONFIG_PORT": str(port), "REELSMITH_STATE_DIR": str(folder / "config")}
    config = conftest.Process("services.config", port, {**gateway.environment, **own}, folder / "config.log")
    gateway.environment["REELSMITH_STATIC_REGISTRY"] += f";config={config.address}"
    await config.start()
    gateway.launch()  # without a job manager it says that it does not serve, and answers all the same
    await testing.wait_until(lambda: answers(url), conftest.START_TIMEOUT_S, "the gateway")
    yield url
    for process in (gateway, config):
        process.stop(signal.SIGKILL)


async def answers(url: str) -> bool:
    """Whether the page is there."""
    async with httpx.AsyncClient() as client:
        try:
            return (await client.get(url)).is_success
        except httpx.TransportError:
            return False


async def test_every_value_has_its_layer(url: str) -> None:
    """Without a browser: the document of a service, value by value."""
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        found = (await client.get("/v1/config", params={"service": "analyzer"})).json()
    assert "values" in found, found
    assert {"path": SETTING, "value": "1", "origin": "built in"} in found["values"]


@pytest.mark.parametrize("size", test_page.SIZES)
async def test_operator_sees_the_configuration(url: str, require_tool, size: str) -> None:
    """Each value stands with the layer that it comes from, and is found by its name, on a desk and on a phone."""
    program, viewport = require_tool("chromium"), test_page.SIZES[size]
    async with test_page.visiting(url, program, viewport=viewport) as visit:
        await visit.page.get_by_role("link", name="Configuration").click()
        row = visit.page.get_by_role("row", name=SETTING)
        await row.get_by_text("built in").wait_for()
        await visit.sound()
        await visit.page.get_by_label("Find a setting").fill("weights.motion")
        await visit.page.get_by_role("button", name="exporter").click()
        await visit.page.get_by_role("button", name="exporter", pressed=True).wait_for()
        await row.wait_for()
        await visit.page.get_by_label("Find a setting").fill("no such setting")
        await visit.page.get_by_text("Nothing is called so.").wait_for()
        await visit.sound()
