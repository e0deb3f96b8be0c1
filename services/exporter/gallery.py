"""Renders what shows a session to people: thumbnails, the contact sheet and the report page."""

import asyncio
import contextlib
import json
import pathlib
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chassis import errors
from media import artifacts, pool, sessions
from media import errors as media_errors
from services.exporter import analysis, exports, filing, images, manifest, preview, report

CLIPS_MAX = 100
TITLE_LENGTH_MAX = 200
PREVIEWS_BYTES_MAX = 24 << 20  # all previews of a page together: it must open on a phone
PREVIEW_BYTES_MAX = 3 << 20
PROPOSALS_BYTES_MAX = 8 << 20  # a thousand proposals with their reasons have about one megabyte


class Gallery:
    """Renders pictures and the report.

    Args:
        workers: the pool of workers.
        store: the sessions.
        limits: times and threads.
    """

    def __init__(self, workers: pool.Pool, store: sessions.Sessions, limits: exports.Limits) -> None:
        self._pool, self._sessions, self._limits = workers, store, limits

    async def render_images(
        self, session_id: str, directory: str, clips: Sequence[str]
    ) -> tuple[list[artifacts.Artifact], artifacts.Artifact]:
        """Renders one thumbnail per clip and one sheet of all.

        Args:
            session_id: the session of the clips and the pictures.
            directory: folder of the pictures; empty for the folder of their kind.
            clips: paths of the clips in the session, in order.

        Returns:
            The thumbnails in the order of the clips, and the sheet.

        Raises:
            errors.InvalidArgument: there are no clips or too many, or two have one name.
        """
        names = [pathlib.PurePosixPath(clip).stem for clip in clips]
        if not 1 <= len(clips) <= CLIPS_MAX or len(set(names)) != len(names):
            raise errors.InvalidArgument(
                f"1 to {CLIPS_MAX} clips of different names are needed, not {len(clips)}",
                reason="BAD_REQUEST",
                fields=[errors.Field("clip_paths", f"must hold 1 to {CLIPS_MAX} clips of different names")],
            )
        session = self._sessions.get(session_id)
        thumbnails, tiles = [], []
        for index, (clip, name) in enumerate(zip(clips, names, strict=True)):
            path = filing.place(directory, "images", f"{name}.jpg")
            thumbnail, facts, tile = await self._thumbnail(session, clip, path)
            thumbnails.append(thumbnail)
            heading, caption = await self._words(session, clip, name, index, facts)
            tiles.append(images.Tile(tile, heading, caption))
        drawn = await asyncio.to_thread(images.sheet, tiles)
        target = filing.place(directory, "images", "contact_sheet.jpg")
        return thumbnails, await asyncio.to_thread(session.write_bytes, target, drawn)

    async def _thumbnail(
        self, session: sessions.Session, clip: str, target: str
    ) -> tuple[artifacts.Artifact, Mapping[str, Any], np.ndarray]:
        with session.open_read(clip) as file:
            async with sessions.writing(session, target) as pending:
                result = await self._pool.run(
                    "services.exporter.images:still",
                    {},
                    inputs={"clip": file},
                    outputs={"image": pending.file},
                    deadline_s=self._limits.check_deadline_s,
                    heartbeat_s=self._limits.heartbeat_s,
                )
        assert pending.artifact is not None  # noqa: S101 - set when the file got its name
        return pending.artifact, result.value, result.arrays["tile"]

    async def _words(
        self, session: sessions.Session, clip: str, name: str, index: int, facts: Mapping[str, Any]
    ) -> tuple[str, str]:
        """Heading and caption of a tile: rank and times, from the manifest where it lies at its place."""
        folder = str(pathlib.PurePosixPath(clip).parent).replace("final_output", "metadata")
        try:
            document = await filing.read_manifest(session, f"{folder}/{name}.manifest.json")
        except (media_errors.NotThere, errors.FailedPrecondition):
            return f"{index + 1}", report.clock(facts["duration_s"])
        where, proposal = document["range"], document.get("proposal") or {}
        heading = f"{proposal.get('rank', index + 1)}   {report.clock(document['clip']['duration_s'])}"
        score = proposal.get("score")
        times = f"{report.clock(where['start_s'])} to {report.clock(where['end_s'])}"
        return heading, times + (f"   score {score:.2f}" if isinstance(score, int | float) else "")

    async def render_report(
        self,
        session_id: str,
        directory: str,
        title: str,
        paths: tuple[str, str],
        clips: Sequence[report.Entry],
    ) -> artifacts.Artifact:
        """Renders the report page.

        Args:
            session_id: the session.
            directory: folder of the page; empty for the folder of its kind.
            title: heading; empty for the name of the source.
            paths: of the analysis and of the proposals; one that is not there is left out of the page.
            clips: the clips by rank, with paths and errors only; manifests and previews are read here.

        Returns:
            The page.

        Raises:
            errors.InvalidArgument: there are too many clips.
            errors.FailedPrecondition: a document is not what it should be.
        """
        if len(clips) > CLIPS_MAX:
            raise errors.InvalidArgument(f"{len(clips)} clips, {CLIPS_MAX} allowed", reason="BAD_REQUEST")
        session = self._sessions.get(session_id)
        found = await self._document(session, paths[0], analysis.BYTES_MAX, analysis.SCHEMA)
        proposed = await self._document(session, paths[1], PROPOSALS_BYTES_MAX, "reelsmith.proposals/1")
        made = sum(1 for clip in clips if clip.file and not clip.error)
        budget = min(PREVIEW_BYTES_MAX, PREVIEWS_BYTES_MAX // max(made, 1))
        entries = [await self._entry(session, clip, budget) for clip in clips]
        page = await asyncio.to_thread(report.render, title[:TITLE_LENGTH_MAX], found, proposed, entries)
        path = filing.place(directory, "metadata", "report.html")
        return await asyncio.to_thread(session.write_bytes, path, page)

    async def _document(
        self, session: sessions.Session, path: str, size_max: int, schema: str
    ) -> dict[str, Any] | None:
        try:
            data = await asyncio.to_thread(session.read, path, size_max)
        except media_errors.NotThere:
            return None
        try:
            document = await asyncio.to_thread(json.loads, data)
        except (ValueError, RecursionError) as error:  # a deep nest of brackets ends in RecursionError
            raise errors.FailedPrecondition(f"{path} is not JSON: {error}", reason="DOCUMENT_MALFORMED") from error
        if not isinstance(document, dict) or document.get("schema") != schema:
            raise errors.FailedPrecondition(f"{path} is not of schema {schema}", reason="DOCUMENT_MALFORMED")
        return document

    async def _entry(self, session: sessions.Session, clip: report.Entry, budget: int) -> report.Entry:
        if clip.error or not clip.file:
            return report.Entry(clip.rank, error=clip.error or "no clip was made")
        document = await filing.read_manifest(session, clip.manifest_file) if clip.manifest_file else None
        small = await self._preview(session, clip.file, document, budget)
        return report.Entry(clip.rank, clip.file, clip.manifest_file, document, small)

    async def _preview(
        self, session: sessions.Session, path: str, document: Mapping[str, Any] | None, budget: int
    ) -> report.Preview:
        with session.open_read(path) as file, contextlib.ExitStack() as stack:
            poster, video = (stack.enter_context(tempfile.TemporaryFile()) for _ in range(2))
            looked = await self._pool.run(
                "services.exporter.images:still",
                {},
                inputs={"clip": file},
                outputs={"image": poster},
                deadline_s=self._limits.check_deadline_s,
                heartbeat_s=self._limits.heartbeat_s,
            )
            length_s = looked.value["duration_s"]
            plan = preview.plan(length_s, budget)
            sound = document is None or manifest.sounds(document)
            made = await self._pool.run(
                "services.exporter.preview:run",
                {
                    "duration_s": plan.duration_s,
                    "video_bps": plan.video_bps,
                    "sound": sound,
                    "threads": self._limits.threads,
                },
                inputs={"clip": file},
                outputs={"preview": video},
                deadline_s=self._limits.check_deadline_s,
                heartbeat_s=self._limits.heartbeat_s,
            )
            video.seek(0)
            content = await asyncio.to_thread(video.read)
        shorter = plan.duration_s < length_s - 0.05
        note = f"The first {report.clock(plan.duration_s, 0)} of {report.clock(length_s, 0)}." if shorter else ""
        still = await asyncio.to_thread(images.jpeg, looked.arrays["tile"])
        return report.Preview(content, still, made.value["width"], made.value["height"], note)
