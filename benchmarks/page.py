"""What the web page costs a browser: bytes until the first paint, and the work of each frame of a long session.

The page's own files are shown by a real Chromium, under the gateway's own content security policy; the answers of the
API are made here: a session of three hours with 50 clips. Frames are counted while the timeline is moved, zoomed and
an edge is dragged, and the work of the main thread is read from Chromium's own counters. The limit is physical: 60
frames in a second leave 16.7 ms for each.
"""

import asyncio
import json
import math
import mimetypes
import random
import shutil
import urllib.parse
from collections.abc import Awaitable, Callable
from typing import Any

from playwright import async_api

from gateway.http import app, guard

HOURS, CLIPS, INTERVAL_S = 3, 50, 0.5
SESSION = "0" * 32
ORIGIN = "http://127.0.0.1:9"  # nobody listens: every answer is made here
MOVES = 120  # of the pointer, one in each frame
FRAME_MS = 1000 / 60
PROBE = """() => { window.frames_ms = []; let last = performance.now();
  const count = (now) => { window.frames_ms.push(now - last); last = now; requestAnimationFrame(count); };
  requestAnimationFrame(count); }"""
BROWSER = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")


def analysis() -> dict[str, Any]:
    """What was measured in a film of three hours: shots, speech, faces and curves of a usual density."""
    chance, length_s = random.Random(9), HOURS * 3600  # the same film each time
    samples = range(int(length_s / INTERVAL_S))
    curve = [0.5 + 0.4 * math.sin(index / 90) * chance.random() for index in samples]
    cuts = sorted({0.0, *(round(chance.uniform(0, length_s), 2) for _ in range(2000))})
    shots = [{"index": i, "start_s": a, "end_s": b} for i, (a, b) in enumerate(zip(cuts, [*cuts[1:], length_s], strict=True))]  # fmt: skip  # noqa: E501
    speech = [{"start_s": at, "end_s": at + 2.4} for at in range(0, length_s, 4)]
    return {
        "source": {"duration_s": length_s, "name": "long.mp4"},
        "video": {"frame_rate": 25.0},
        "curve": {"interval_s": INTERVAL_S, "highlight": curve, "loudness_lufs": [-40 + 25 * value for value in curve]},
        "shots": [{**shot, "start_frame": int(shot["start_s"] * 25)} for shot in shots],
        "speech": speech,
        "silence": [{"start_s": item["end_s"], "end_s": item["end_s"] + 1.6} for item in speech],
        "transcript": {"cues": [{**item, "text": "what was said here"} for item in speech], "sentences": speech},
        "subjects": [{"start_s": shot["start_s"], "end_s": shot["end_s"], "speaking": 0.5} for shot in shots],
    }


def job() -> dict[str, Any]:
    """A job with 50 clips that has ended."""
    step_s = HOURS * 3600 / CLIPS
    return {
        "id": SESSION,
        "spec": {"title": "long.mp4"},
        "state": "STATE_SUCCEEDED",
        "clips": [
            {
                "rank": rank,
                "score": 0.9 - rank / 100,
                "state": "STATE_SUCCEEDED",
                "time": {"startS": (rank - 1) * step_s + 20, "endS": (rank - 1) * step_s + 65},
            }
            for rank in range(1, CLIPS + 1)
        ],
        "artifacts": [{"path": "metadata/analysis.json", "role": "ARTIFACT_ROLE_ANALYSIS"}],
    }


async def answer(route: async_api.Route) -> None:
    """Answers a request of the page, as the gateway would."""
    path = urllib.parse.urlsplit(route.request.url).path
    if path.startswith("/v1/"):
        documents = {f"/v1/jobs/{SESSION}": job, f"/v1/sessions/{SESSION}/files/metadata/analysis.json": analysis}
        found = documents.get(path, lambda: {"serving": True, "services": [], "jobs": []})()
        await route.fulfill(body=json.dumps(found), content_type="application/json")
        return
    file = app.WEB / (path.lstrip("/") or "index.html")
    kind = mimetypes.guess_type(file.name)[0] or "text/plain"
    await route.fulfill(body=file.read_bytes(), content_type=kind, headers={**guard.HEADERS, "content-type": kind})


async def measured(page: async_api.Page, name: str, act: Callable[[], Awaitable[None]]) -> None:
    """Prints what an action cost per frame."""
    counters = await page.context.new_cdp_session(page)
    await counters.send("Performance.enable", {"timeDomain": "threadTicks"})  # its own time, whatever else runs

    async def busy_s() -> float:
        metrics = (await counters.send("Performance.getMetrics"))["metrics"]
        return next(item["value"] for item in metrics if item["name"] == "TaskDuration")

    await page.evaluate("() => { window.frames_ms = []; }")
    before_s = await busy_s()
    await act()
    spent_s, frames_ms = await busy_s() - before_s, sorted(await page.evaluate("() => window.frames_ms"))
    late = sum(1 for frame_ms in frames_ms if frame_ms > 1.5 * FRAME_MS)
    work_ms = 1000 * spent_s / len(frames_ms)
    print(
        f"| {name} | {len(frames_ms)} | {work_ms:.1f} ms ({100 * work_ms / FRAME_MS:.0f} % of a frame) "
        f"| {frames_ms[len(frames_ms) // 2]:.1f} ms | {late} |"
    )


async def acts(page: async_api.Page) -> None:
    """Moves, zooms, drags and scrolls."""
    box = await page.locator(".stage").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + 100

    async def wheel(**turn: float) -> None:
        await page.mouse.move(x, y)
        for _ in range(MOVES):
            await page.mouse.wheel(turn.get("x", 0), turn.get("y", 0))

    async def drag(at_x: float, at_y: float, distance_px: float) -> None:
        await page.mouse.move(at_x, at_y)
        await page.mouse.down()
        await page.mouse.move(at_x + distance_px, at_y, steps=MOVES)
        await page.mouse.up()

    await measured(
        page, "all of it: the pointer moves over the timeline", lambda: page.mouse.move(x + 300, y, steps=MOVES)
    )
    await page.keyboard.down("Control")
    await measured(page, "zoom in by the wheel", lambda: wheel(y=-12))
    await page.keyboard.up("Control")
    await measured(page, "pan by dragging", lambda: drag(x, y, 400))
    await measured(page, "pan by the wheel", lambda: wheel(x=40))
    await page.get_by_role("button", name="Clip", exact=True).click()
    edge = await page.get_by_role("slider", name="End of clip 1", exact=True).bounding_box()
    await measured(page, "drag an edge", lambda: drag(edge["x"] + 7, edge["y"] + 15, 200))
    await measured(page, "scroll the page", lambda: wheel(y=20))


async def main() -> None:
    """Measures and prints."""
    async with async_api.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=shutil.which("chromium"), args=list(BROWSER))
        page = await browser.new_page(viewport={"width": 1280, "height": 860})
        sizes: dict[str, int] = {}
        await page.route("**/*", answer)
        page.on("request", lambda asked: sizes.setdefault(urllib.parse.urlsplit(asked.url).path, 0))
        await page.goto(f"{ORIGIN}/#/")
        await page.get_by_role("heading", name="Sessions").wait_for()
        files = [app.WEB / (path.lstrip("/") or "index.html") for path in sizes if not path.startswith("/v1/")]
        print(f"first paint: {len(files)} files, {sum(file.stat().st_size for file in files)} bytes, not compressed")
        await page.goto(f"{ORIGIN}/#/sessions/{SESSION}")
        await page.locator(".span").first.wait_for()
        await page.evaluate(PROBE)
        print(f"{HOURS} hours, {CLIPS} clips\n| action | frames | main thread per frame | median frame | late frames |")
        print("|---|---|---|---|---|")
        await acts(page)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
