"""The web page in a real browser: from a dropped video to a clip that was changed by hand."""

import contextlib
import dataclasses
import hashlib
import json
import pathlib
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests import suites

WEB = pathlib.Path(__file__).resolve().parents[2] / "gateway" / "web"
FILM = "bbb_5s_vp9_opus.webm"
TEXT = """1
00:00:00,200 --> 00:00:02,400
Once there was a rabbit.

2
00:00:02,500 --> 00:00:04,800
It slept all day.
"""
KEY = "rs_0123456789"
BROWSER = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--mute-audio")
SIZES = {"desktop": {"width": 1280, "height": 860}, "phone": {"width": 390, "height": 844}}
RENDER_TIMEOUT_MS = 120_000  # a second of film, on a machine that has other work
FIRST_PAINT_MAX_BYTES = 200_000  # of the issue
SERIOUS = {"serious", "critical"}  # as axe ranks what it finds
ENDED = ".state.good, .state.bad"
PLAYED = "() => document.querySelector('video')?.currentTime > 0.2"
PLAY = "() => { const video = document.querySelector('video'); video.muted = true; return video.play(); }"
BARRIER = "() => document.querySelector('main').insertAdjacentHTML('beforeend', '<button></button>')"
INLINE = """() => {
  document.body.append(Object.assign(document.createElement("script"), {textContent: "document.title = 'run'"}));
}"""
MODULES = """async () => {
  const format = await import("/js/format.js");
  const {model, nearest, next, within} = await import("/js/timeline/model.js");
  const {clamp} = await import("/js/timeline/span.js");
  const analysis = {
    source: {duration_s: 10}, video: {frame_rate: 25}, transitions: [{kind: "dissolve", frame: 100}],
    shots: [{index: 0, start_s: 0, end_s: 4, start_frame: 0}, {index: 1, start_s: 4, end_s: 10, start_frame: 100}],
    silence: [{start_s: 6.01, end_s: 7}],
  };
  const timeline = model(analysis, []);
  return {
    said: ["1:02:03.5", "62", "0:07", "", "1:2:3:4", "-1", "x"].map(format.seconds),
    clocks: [format.clock(59.99, 1), format.clock(3723), format.size("1234567")],
    left: [format.left(61), format.left(50, 40, 70)],
    near: [nearest(timeline.snaps, 4.2, 0.3), nearest(timeline.snaps, 5, 0.3)],
    beside: [next(timeline.snaps, 4, 1), next(timeline.snaps, 0, -1)],
    shots: within(timeline.shots, 3, 4).map((shot) => shot.index),
    edges: [clamp({start: 2, end: 3}, "start", 9, 10), clamp({start: 2, end: 3}, "end", 99, 10)],
  };
}"""
WIDTHS = "() => [document.documentElement.scrollWidth, innerWidth]"
TRANSFERRED = """() => performance.getEntries().filter((entry) => entry.transferSize && !/\\/v1\\//.test(entry.name))
  .reduce((sum, entry) => sum + entry.transferSize, 0)"""


@dataclasses.dataclass(slots=True)
class Visit:
    """A browser that looks at a suite, and all that went wrong in it."""

    page: Any
    complaints: list[str]

    async def sound(self) -> None:
        """Fits its window, has no serious barrier, and nothing went wrong.

        Raises:
            AssertionError: One of these is not so.
        """
        axe = pytest.importorskip("axe_playwright_python.async_playwright")
        found = (await axe.Axe().run(self.page)).response["violations"]
        barriers = [(item["id"], [node["html"][:200] for node in item["nodes"]]) for item in found]
        assert [] == [barrier for barrier, item in zip(barriers, found, strict=True) if item["impact"] in SERIOUS]
        wide, window = await self.page.evaluate(WIDTHS)
        assert wide <= window
        assert [] == self.complaints


@contextlib.asynccontextmanager
async def visiting(url: str, program: str, **options: Any) -> AsyncIterator[Visit]:
    """The page at an address, if one is given, in a real browser; errors and requests elsewhere are noted."""
    playwright = pytest.importorskip("playwright.async_api")
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=program, args=list(BROWSER))
        try:
            page = await (await browser.new_context(reduced_motion="reduce", **options)).new_page()
            visit = Visit(page, [])
            page.on("console", lambda said: said.type in {"error", "warning"} and visit.complaints.append(said.text))
            page.on("pageerror", lambda error: visit.complaints.append(str(error)))
            page.on("request", lambda asked: asked.url.startswith((url, "blob:")) or visit.complaints.append(asked.url))
            if url:
                await page.goto(url)
            yield visit
        finally:
            await browser.close()


@pytest.fixture
def film(media_dir: pathlib.Path) -> pathlib.Path:
    """A film of five seconds."""
    return media_dir / "real" / FILM


@pytest.fixture
def words(tmp_path: pathlib.Path) -> pathlib.Path:
    """What is said in the film."""
    path = tmp_path / "rabbit.srt"
    path.write_text(TEXT)
    return path


async def make(visit: Visit, film: pathlib.Path, words: pathlib.Path) -> str:
    """Drops a film, asks for one square clip of about a second, and follows it to its end, though the first connection
    breaks; returns the session."""
    page = visit.page
    await page.set_input_files("input[aria-label='A video file']", film)
    await page.get_by_label("What is said").set_input_files(words)
    for label, value in {"Clips": "1", "Shortest, s": "1", "Longest, s": "1.2"}.items():
        await page.get_by_label(label, exact=True).fill(value)
    await page.get_by_role("radio", name="1:1").check()
    await page.get_by_text("All has arrived").wait_for()
    await visit.sound()
    streams: list[str] = []

    async def broken_once(route: Any) -> None:
        streams.append(route.request.headers["last-event-id"])
        await (route.abort() if len(streams) == 1 else route.continue_())

    await page.route("**/events", broken_once)
    await page.get_by_role("button", name="Make clips").click()
    await page.get_by_role("progressbar", name="Whole job").wait_for()
    await page.locator(".title .state.good").wait_for(timeout=RENDER_TIMEOUT_MS)
    assert len(streams) > 1
    visit.complaints[:] = [text for text in visit.complaints if "ERR_FAILED" not in text]  # of the one that was cut
    return page.url.split("/sessions/")[1][:32]


async def drag(page: Any, name: str, distance_px: int) -> None:
    """Drags an edge of the first clip sideways, past what it would snap to."""
    box = await page.get_by_role("slider", name=name).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    await page.keyboard.down("Alt")
    await page.mouse.move(x, y)
    await page.mouse.down()
    await page.mouse.move(x + distance_px, y, steps=6)
    await page.mouse.up()
    await page.keyboard.up("Alt")


async def change(visit: Visit) -> None:
    """Plays the clip, drags its end, moves its start by key, gives it captions and a title, and renders it again."""
    page = visit.page
    await page.evaluate(PLAY)
    await page.wait_for_function(PLAYED)
    await visit.sound()
    await drag(page, "End of clip 1", -16)
    await page.get_by_role("slider", name="Start of clip 1").press("ArrowRight")
    await page.get_by_role("radio", name="Pop").check()
    await page.get_by_label("Title on the picture").fill("A <b>rabbit</b>")
    await page.get_by_text("its edges, the captions, the titles").wait_for()
    await visit.sound()
    await page.get_by_role("button", name="Render again").click()
    await page.get_by_role("button", name="Version 2", pressed=True).wait_for()
    await page.get_by_role("region", name="Changes").wait_for(state="detached")  # nothing is left to render
    await page.locator("video").wait_for(timeout=RENDER_TIMEOUT_MS)


async def saved(page: Any, folder: pathlib.Path) -> str:
    """Downloads the clip that is shown; returns its hash."""
    async with page.expect_download() as download:
        await page.get_by_role("button", name="Download").click()
    path = folder / "clip.mp4"
    await (await download.value).save_as(path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


async def delete(page: Any) -> None:
    """Deletes the session that is shown."""
    await page.get_by_role("button", name="Delete").click()
    await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await page.get_by_role("heading", name="Sessions").wait_for()


def newest(suite: suites.Suite) -> str:
    """The session whose clip was made last."""
    found = suite.home.rglob("sessions/*/metadata/clip-01.manifest.json")
    return max(found, key=lambda path: path.stat().st_mtime_ns).parent.parent.name


def manifest(suite: suites.Suite, session: str) -> dict:
    """The manifest of the clip of a session."""
    return json.loads((suite.session(session) / "metadata" / "clip-01.manifest.json").read_text())


@pytest.mark.parametrize("size", SIZES)
async def test_film_becomes_a_clip_that_is_changed_by_hand(
    suite: suites.Suite, require_tool, film, words, tmp_path, size: str
) -> None:
    """Upload, watch, play, drag, captions, render, download, delete: on a desk and on a phone, with no barrier."""
    options = {"viewport": SIZES[size], "has_touch": size == "phone", "accept_downloads": True}
    async with visiting(suite.state["http"], require_tool("chromium"), **options) as visit:
        assert await visit.page.evaluate(TRANSFERRED) <= FIRST_PAINT_MAX_BYTES
        await visit.sound()
        session = await make(visit, film, words)
        await change(visit)
        version = newest(suite)
        first, again = manifest(suite, session), manifest(suite, version)
        assert again["clip"]["sha256"] == await saved(visit.page, tmp_path)
        assert (None, "pop") == ((first.get("captions") or {}).get("style"), again["captions"]["style"])
        assert ("A <b>rabbit</b>", 1080, 1080) == (
            again["overlays"]["title"],
            again["clip"]["width"],
            again["clip"]["height"],
        )
        assert again["range"]["start_s"] > first["range"]["start_s"]
        assert again["range"]["end_s"] < first["range"]["end_s"]
        await visit.sound()
        await delete(visit.page)
        listed = visit.page.locator(f".session a[href$='{version}']")
        await listed.wait_for()
        assert 0 == await visit.page.locator(f".session a[href$='{session}']").count()
        await listed.click()
        await visit.page.get_by_text("clip 1 of another session, again").wait_for()
        await delete(visit.page)
        await visit.page.get_by_role("link", name="Suite").click()
        await visit.page.get_by_role("heading", name="Exporter").wait_for()
        await visit.sound()


async def test_page_says_why_a_video_failed(suite: suites.Suite, require_tool, media_dir) -> None:
    """What is no video fails with the reason in words, and can be tried again and deleted."""
    async with visiting(suite.state["http"], require_tool("chromium"), viewport=SIZES["phone"]) as visit:
        await visit.page.set_input_files("input[aria-label='A video file']", media_dir / "malformed" / "text_file.mp4")
        await visit.page.get_by_role("button", name="Make clips").click()
        await visit.page.get_by_text("This is no media that can be read").wait_for()
        await visit.page.get_by_role("button", name="Retry").click()
        await visit.page.get_by_text("What failed runs again.").wait_for()
        await visit.page.locator(".title .state.bad").wait_for()
        await visit.sound()
        await delete(visit.page)


def test_every_module_is_asked_for_at_once(suite: suites.Suite) -> None:
    """The page names all of its modules, so that none waits for another; browsers ask each time if they changed."""
    answer = httpx.get(suite.state["http"])
    named = set(re.findall(r'(?:modulepreload" href|src)="([^"]+)"', answer.text))
    there = {path.relative_to(WEB).as_posix() for path in WEB.rglob("*.js")}
    assert there - {"vendor/tus.js"} == named
    again = httpx.get(suite.state["http"], headers={"If-None-Match": answer.headers["etag"]})
    assert ("no-cache", 304) == (answer.headers["cache-control"], again.status_code)


async def test_page_asks_for_a_key_and_keeps_it_for_the_tab(suite: suites.Suite, require_tool) -> None:
    """Behind a door that wants a key, the page asks for one, sends it with each call, and forgets it with the tab."""
    sent: list[str | None] = []

    async def door(route: Any) -> None:
        sent.append(route.request.headers.get("authorization"))
        if sent[-1] == f"Bearer {KEY}":
            await route.continue_()
        else:
            problem = {"detail": "say who you are", "code": "UNAUTHENTICATED", "reason": "NO_KEY"}
            await route.fulfill(status=401, body=json.dumps(problem), content_type="application/problem+json")

    async with visiting("", require_tool("chromium"), viewport=SIZES["desktop"]) as visit:
        await visit.page.route("**/v1/**", door)
        await visit.page.goto(suite.state["http"])
        await visit.page.get_by_label("API key").fill(KEY)
        await visit.page.get_by_role("button", name="Go on").click()
        await visit.page.get_by_role("link", name="Suite , serving").wait_for()
        assert {None, f"Bearer {KEY}"} == set(sent)
        assert KEY == await visit.page.evaluate("() => sessionStorage.getItem('reelsmith-key')")
        assert 0 == await visit.page.evaluate("() => localStorage.length")


async def test_page_reads_times_and_finds_what_edges_snap_to(suite: suites.Suite, require_tool) -> None:
    """Times are read as people write them, an edge snaps to what is near and named, and a clip keeps a length."""
    async with visiting(suite.state["http"], require_tool("chromium")) as visit:
        found = await visit.page.evaluate(MODULES)
        assert [3723.5, 62, 7, None, None, None, None] == found["said"]
        assert ["1:00.0", "1:02:03", "1.2 MB"] == found["clocks"]
        assert ["about 60 s left", "40 to 70 s left"] == found["left"]
        silence = {"time": 6, "name": "silence begins"}  # the frame that is nearest to 6.01 s
        assert [{"time": 4, "name": "dissolve"}, None] == found["near"]
        assert [silence, None] == found["beside"]
        assert [0] == found["shots"]
        assert [{"start": 2.5, "end": 3}, {"start": 2, "end": 10}] == found["edges"]


async def test_barrier_on_the_page_is_noticed(suite: suites.Suite, require_tool) -> None:
    """The control of the checks above: a button without a name, or one error on the console, fails them."""
    async with visiting(suite.state["http"], require_tool("chromium")) as visit:
        await visit.page.get_by_role("heading", name="Sessions").wait_for()
        await visit.page.evaluate(BARRIER)
        with pytest.raises(AssertionError, match="button-name"):
            await visit.sound()
        await visit.page.reload()
        await visit.page.evaluate(INLINE)
        with pytest.raises(AssertionError, match="Content Security Policy"):
            await visit.sound()
