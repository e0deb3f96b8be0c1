"""Sessions, uploads and sources: no way out of a folder, and files that are whole or not there."""

import contextlib
import errno
import hashlib
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from media import artifacts, errors, folders, sessions

CONTENT = b"some content of a clip"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def store(tmp_path: pathlib.Path) -> sessions.Sessions:
    """An empty store."""
    return sessions.Sessions(tmp_path / "store")


@pytest.fixture
def session(store: sessions.Sessions) -> sessions.Session:
    """An empty session."""
    return store.create()


# --- sessions -------------------------------------------------------------------------------------------------------


def test_identifiers_have_128_random_bits() -> None:
    """All alike in shape, none alike in content."""
    found = {sessions.new_id() for _ in range(1000)}
    assert 1000 == len(found)
    assert all(sessions.ID.fullmatch(name) for name in found)


def test_session_has_its_folders(session: sessions.Session) -> None:
    """All of them, from the start."""
    assert sorted(sessions.FOLDERS) == sorted(os.listdir(session.root))


def test_creating_a_session_again_keeps_its_files(store: sessions.Sessions, session: sessions.Session) -> None:
    """A repeated call changes nothing."""
    session.write_bytes("metadata/a.json", b"{}")
    assert ["a.json"] == store.create(session.id).list("metadata")


def test_session_that_is_not_there_is_not_found(store: sessions.Sessions) -> None:
    """And an identifier that is none is refused."""
    with pytest.raises(errors.NotThere):
        store.get(sessions.new_id())
    for name in ("", "..", "a" * 31, "A" * 32, "../" + "a" * 32, "a" * 32 + "\n", "\u0660" * 32):
        with pytest.raises(errors.PathRefused):
            store.get(name)


def test_deleting_a_session_removes_all_and_can_be_repeated(
    store: sessions.Sessions, session: sessions.Session
) -> None:
    """Files, folders, links; what links point to stays."""
    outside = pathlib.Path(session.root).parent / "outside"
    outside.write_bytes(b"kept")
    session.write_bytes("final_output/clip.mp4", CONTENT)
    os.symlink(outside, session.root / "logs" / "link")
    store.delete(session.id)
    store.delete(session.id)
    assert [] == store.list()
    assert b"kept" == outside.read_bytes()


def test_written_file_is_there_with_its_hash(session: sessions.Session) -> None:
    """And its size, its type and its path."""
    with session.write("final_output/clip-01.mp4") as pending:
        pending.file.write(b"xxxx" + CONTENT[4:])
        pending.file.seek(0)
        pending.file.write(CONTENT[:4])  # muxers go back to write their header
    expected = artifacts.Artifact("final_output/clip-01.mp4", len(CONTENT), SHA256, "video/mp4")
    assert expected == pending.artifact == session.stat("final_output/clip-01.mp4")


def test_file_is_not_seen_before_it_is_whole(session: sessions.Session) -> None:
    """Neither by its name nor in a list."""
    with session.write("metadata/a.json") as pending:
        pending.file.write(b"half")
        assert [] == session.list("metadata")
        with pytest.raises(errors.NotThere):
            session.open_read("metadata/a.json")
    assert ["a.json"] == session.list("metadata")


def test_failed_write_keeps_the_old_file(session: sessions.Session) -> None:
    """And leaves nothing behind."""
    session.write_bytes("metadata/a.json", b"old")
    with pytest.raises(RuntimeError):
        write_and_raise(session, RuntimeError())
    assert b"old" == session.read("metadata/a.json", 10)
    assert ["a.json"] == os.listdir(session.root / "metadata")


def test_publishing_replaces_and_can_be_repeated(session: sessions.Session) -> None:
    """The attempt's file gets its final name at once; the attempt can be removed then."""
    session.write_bytes("video_clips/step.2/clip.mp4", CONTENT)
    session.write_bytes("final_output/clip.mp4", b"older")
    for _ in range(2):
        session.publish("video_clips/step.2/clip.mp4", "final_output/clip.mp4")
    session.remove("video_clips/step.2")
    session.remove("video_clips/step.2")
    assert CONTENT == session.read("final_output/clip.mp4", 100)
    assert ["clip.mp4"] == os.listdir(session.root / "final_output")


def test_content_larger_than_expected_is_refused(session: sessions.Session) -> None:
    """Reading whole is for small files."""
    session.write_bytes("metadata/a.json", b"12345")
    assert b"12345" == session.read("metadata/a.json", 5)
    with pytest.raises(errors.Refused):
        session.read("metadata/a.json", 4)


def test_full_disk_is_told(session: sessions.Session) -> None:
    """As what it is, and without a half file."""
    with pytest.raises(errors.StorageFull):
        write_and_raise(session, OSError(errno.ENOSPC, "No space left on device"))
    assert [] == os.listdir(session.root / "metadata")


def write_and_raise(session: sessions.Session, error: Exception) -> None:
    """Begins to write a file and fails."""
    with session.write("metadata/a.json") as pending:
        pending.file.write(b"new")
        raise error


# --- no way out -----------------------------------------------------------------------------------------------------

WICKED = [
    "..", "../x", "a/../../x", "/etc/hostname", "//etc/hostname", "a//b", "a/", "/", ".", "./a", "a/./b", "", " ",
    "a\0b", "a\nb", "a\n", "~/x", "C:\\x", "a\\..\\b", ".hidden", ".tmp-0123", "a/.hidden", "-rf", "é", "\u2025/x",
    "..\uff0fx", "%2e%2e/x", "\u202ea", "\ud800", "a" * 129, "/".join("a" * 9), "con\u0301", "a:b", "a*",
]  # fmt: skip


@pytest.mark.parametrize("name", WICKED, ids=ascii)
def test_name_that_is_no_plain_path_is_refused(session: sessions.Session, name: str) -> None:
    """For reading, writing, listing, removing and publishing alike."""
    session.write_bytes("metadata/a", b"x")
    for attempt in (
        lambda: session.open_read(name),
        lambda: session.write_bytes(name, b"x"),
        lambda: session.list(name),
        lambda: session.remove(name),
        lambda: session.publish(name, "metadata/b"),
        lambda: session.publish("metadata/a", name),
    ):
        with pytest.raises(errors.PathRefused):
            attempt()


PIECES = st.sampled_from(["..", ".", "a", "metadata", "link", "file-link", "etc", "", " ", "\0", "é", "..\u2044", "~"])
NAMES = st.one_of(st.lists(PIECES, max_size=6).map("/".join), st.text(max_size=40))


@pytest.fixture
def trapped(tmp_path: pathlib.Path) -> tuple[sessions.Session, pathlib.Path]:
    """A session with links that lead out, and the secret beyond."""
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "a").write_bytes(b"secret")
    found = sessions.Sessions(tmp_path).create()
    plant(found, secret)
    return found, secret


def plant(session: sessions.Session, secret: pathlib.Path) -> None:
    """Puts the links in place, whatever is there now."""
    session.write_bytes("metadata/a", b"fine")
    for name, target in (("link", secret), ("file-link", secret / "a"), ("metadata/etc", "/etc")):
        session.remove(name)
        os.symlink(target, session.root / name)


@settings(max_examples=600, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=NAMES)
@example(name="link/a")
@example(name="file-link")
@example(name="metadata/../link/a")
def test_no_name_leads_out(trapped: tuple[sessions.Session, pathlib.Path], name: str) -> None:
    """Any text at all opens a file of the session, or raises one of two errors."""
    session, secret = trapped
    plant(session, secret)
    try:
        with session.open_read(name) as file:
            assert b"secret" != file.read()
    except (errors.PathRefused, errors.NotThere):
        pass
    with contextlib.suppress(errors.PathRefused, errors.NotThere, IsADirectoryError):
        session.write_bytes(name, b"written")
    assert b"secret" == (secret / "a").read_bytes()
    assert ["a"] == os.listdir(secret)


def test_plain_joining_leads_out(trapped: tuple[sessions.Session, pathlib.Path]) -> None:
    """Control: what the careful opening prevents."""
    session, _ = trapped
    for name in ("link/a", "file-link", "metadata/../link/a"):
        assert b"secret" == (session.root / name).read_bytes()


def test_session_folder_that_is_a_link_is_refused(store: sessions.Sessions, tmp_path: pathlib.Path) -> None:
    """Not even the session itself may be one."""
    elsewhere = store.create()
    name = sessions.new_id()
    os.symlink(elsewhere.root, elsewhere.root.parent / name)
    with pytest.raises(errors.NotThere):
        store.get(name)
    with pytest.raises(errors.NotThere):
        sessions.Session(name, elsewhere.root.parent / name).open_read("metadata/a")


def test_folder_swapped_for_a_link_meanwhile_leads_nowhere(session: sessions.Session, tmp_path: pathlib.Path) -> None:
    """A race between looking and opening cannot be won: there is no looking."""
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "a").write_bytes(b"secret")
    session.write_bytes("images/deep/a", b"fine")
    deep, aside, link = (session.root / "images" / name for name in ("deep", "aside", "link"))
    os.symlink(secret, link)
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            os.rename(deep, aside)
            os.rename(link, deep)
            os.rename(deep, link)
            os.rename(aside, deep)

    swapper = threading.Thread(target=swap)
    swapper.start()
    outcomes = {"fine": 0, "refused": 0}
    for _ in range(3000):
        try:
            with session.open_read("images/deep/a") as file:
                assert b"fine" == file.read()
            outcomes["fine"] += 1
        except (errors.NotThere, errors.PathRefused):
            outcomes["refused"] += 1
    stop.set()
    swapper.join()
    assert min(outcomes.values()) > 0, "the race was not run"


@pytest.mark.parametrize("kind", ["folder", "fifo"])
def test_what_is_no_regular_file_is_not_opened(session: sessions.Session, kind: str) -> None:
    """And does not block."""
    path = session.root / "logs" / "x"
    path.mkdir() if kind == "folder" else os.mkfifo(path)
    with pytest.raises(errors.NotThere):
        session.open_read("logs/x")


# --- killed while writing -------------------------------------------------------------------------------------------

WRITER = """
import sys
from media import sessions
session = sessions.Sessions(sys.argv[1]).get(sys.argv[2])
print("ready", flush=True)
for number in range(1_000_000):
    with session.write("final_output/clip.mp4") as pending:
        pending.file.write(number.to_bytes(4, "big") * 50_000)
"""


def test_kill_while_writing_leaves_no_partial_file(store: sessions.Sessions, session: sessions.Session) -> None:
    """At any moment the name holds a whole file, and what is left over is swept."""
    for turn in range(12):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(session.root.parent.parent), session.id], stdout=subprocess.PIPE
        ) as writer:
            writer.stdout.readline()
            time.sleep(0.02 + turn * 0.003)
            writer.send_signal(signal.SIGKILL)
        if session.list("final_output"):
            content = session.read("final_output/clip.mp4", 1 << 20)
            assert content[:4] * 50_000 == content
    assert set(session.list("final_output")) <= {"clip.mp4"}
    store.sweep(0)
    assert set(os.listdir(session.root / "final_output")) <= {"clip.mp4"}


def test_writing_in_place_leaves_partial_files(session: sessions.Session) -> None:
    """Control: the same kills with plain writing tear the file."""
    code = WRITER.replace(
        'with session.write("final_output/clip.mp4") as pending:',
        'with open(session.root / "final_output/clip.mp4", "wb", 0) as file:',
    ).replace(
        'pending.file.write(number.to_bytes(4, "big") * 50_000)',
        '[file.write(number.to_bytes(4, "big") * 500) for _ in range(100)]',
    )
    torn = 0
    for turn in range(20):
        with subprocess.Popen(
            [sys.executable, "-c", code, str(session.root.parent.parent), session.id], stdout=subprocess.PIPE
        ) as writer:
            writer.stdout.readline()
            time.sleep(0.02 + turn * 0.003)
            writer.send_signal(signal.SIGKILL)
        torn += len((session.root / "final_output/clip.mp4").read_bytes()) != 200_000
    assert torn > 0


def test_sweep_leaves_young_temporary_files(store: sessions.Sessions, session: sessions.Session) -> None:
    """Somebody may still be writing them."""
    with session.write("metadata/a.json") as pending:
        pending.file.write(b"x")
        assert 0 == store.sweep(60)
    orphan = session.root / "metadata" / f"{folders.TEMPORARY_PREFIX}0"
    orphan.write_bytes(b"")
    os.utime(orphan, (0, 0))
    assert 1 == store.sweep(60)
    assert ["a.json"] == os.listdir(session.root / "metadata")


# --- uploads --------------------------------------------------------------------------------------------------------


@pytest.fixture
def uploads(tmp_path: pathlib.Path) -> sessions.Uploads:
    """An empty store of uploads of at most 100 bytes."""
    return sessions.Uploads(tmp_path / "store", 100)


def test_upload_in_pieces_becomes_a_source(uploads: sessions.Uploads) -> None:
    """Checked by its hash."""
    upload = uploads.create()
    uploads.append(upload.id, 0, CONTENT[:7])
    assert 7 == uploads.get(upload.id).size_bytes
    uploads.append(upload.id, 7, CONTENT[7:])
    expected = sessions.Upload(upload.id, len(CONTENT), True, SHA256)
    assert expected == uploads.finish(upload.id, SHA256) == uploads.finish(upload.id) == uploads.get(upload.id)
    with uploads.open_read(upload.id) as file:
        assert CONTENT == file.read()


def test_piece_at_the_wrong_place_says_the_right_one(uploads: sessions.Uploads) -> None:
    """So that a caller who lost the answer can go on."""
    upload = uploads.create()
    uploads.append(upload.id, 0, b"12345")
    for offset in (0, 4, 6):
        with pytest.raises(errors.Conflict) as raised:
            uploads.append(upload.id, offset, b"x")
        assert "5" == raised.value.metadata["offset"]


def test_same_piece_from_many_callers_is_written_once(uploads: sessions.Uploads) -> None:
    """One of them is told that it is there, the others where the upload stands."""
    upload, outcomes = uploads.create(), []

    def send() -> None:
        try:
            outcomes.append(uploads.append(upload.id, 0, b"12345").size_bytes)
        except errors.Conflict:
            outcomes.append("conflict")

    callers = [threading.Thread(target=send) for _ in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert ["conflict"] * 7 == sorted(outcomes, key=str)[1:]
    assert 5 == uploads.get(upload.id).size_bytes


def test_wrong_hash_is_refused_and_the_upload_can_go_on(uploads: sessions.Uploads) -> None:
    """It is not finished by that."""
    upload = uploads.create()
    uploads.append(upload.id, 0, CONTENT[:7])
    with pytest.raises(errors.Refused) as raised:
        uploads.finish(upload.id, SHA256)
    assert "CHECKSUM_MISMATCH" == raised.value.reason
    uploads.append(upload.id, 7, CONTENT[7:])
    assert uploads.finish(upload.id, SHA256).finished


def test_upload_over_the_bound_is_refused(uploads: sessions.Uploads) -> None:
    """Before it is written."""
    upload = uploads.create()
    with pytest.raises(errors.Refused):
        uploads.append(upload.id, 0, b"x" * 101)
    assert 0 == uploads.get(upload.id).size_bytes


def test_finished_upload_takes_no_more(uploads: sessions.Uploads) -> None:
    """Nor can it be read before."""
    upload = uploads.create()
    with pytest.raises(errors.NotThere):
        uploads.open_read(upload.id)
    uploads.append(upload.id, 0, b"1")
    uploads.finish(upload.id)
    with pytest.raises(errors.Conflict) as raised:
        uploads.append(upload.id, 1, b"2")
    assert "true" == raised.value.metadata["finished"]


def test_abandoned_upload_is_swept_and_a_finished_one_stays(uploads: sessions.Uploads) -> None:
    """By the time of its last piece."""
    abandoned, fresh, finished = (uploads.create() for _ in range(3))
    uploads.finish(finished.id)
    part = next(path for path in uploads._root.rglob(sessions.UPLOAD_PART) if abandoned.id in str(path))
    os.utime(part, (0, 0))
    assert 1 == uploads.sweep(60)
    assert [0, 0] == [uploads.get(upload.id).size_bytes for upload in (fresh, finished)]
    with pytest.raises(errors.NotThere):
        uploads.get(abandoned.id)


def test_upload_identifier_that_is_none_is_refused(uploads: sessions.Uploads) -> None:
    """As with sessions."""
    for attempt in (uploads.get, uploads.delete, uploads.open_read, uploads.finish):
        with pytest.raises(errors.PathRefused):
            attempt("../" + "a" * 32)


# --- sources --------------------------------------------------------------------------------------------------------


@pytest.fixture
def library(tmp_path: pathlib.Path) -> pathlib.Path:
    """A folder of films beside a secret."""
    (tmp_path / "library" / "deep").mkdir(parents=True)
    (tmp_path / "library" / "deep" / "my film #1 100% é.mp4").write_bytes(CONTENT)
    (tmp_path / "library2").mkdir()
    (tmp_path / "library2" / "secret").write_bytes(b"secret")
    os.symlink(tmp_path / "library2", tmp_path / "library" / "link")
    return tmp_path / "library"


@pytest.fixture
def sources(uploads: sessions.Uploads, library: pathlib.Path) -> sessions.Sources:
    """Sources from uploads and from that folder."""
    return sessions.Sources(uploads, (library,))


def test_source_beneath_a_root_is_opened(sources: sessions.Sources, library: pathlib.Path) -> None:
    """By the URI that the path itself gives."""
    path = library / "deep" / "my film #1 100% é.mp4"
    with sources.open(path.as_uri()) as file:
        assert CONTENT == file.read()
    assert "my film #1 100% é.mp4" == sessions.display_name(path.as_uri())


def test_upload_is_a_source(sources: sessions.Sources, uploads: sessions.Uploads) -> None:
    """Once it is finished."""
    upload = uploads.create()
    uploads.append(upload.id, 0, CONTENT)
    with pytest.raises(errors.NotThere):
        sources.open(f"upload:{upload.id}")
    uploads.finish(upload.id)
    with sources.open(f"upload:{upload.id}") as file:
        assert CONTENT == file.read()


@pytest.mark.parametrize(
    "name", ["../library2/secret", "link/secret", "%2e%2e/library2/secret", "../../../etc/hostname"]
)
def test_source_outside_the_roots_is_refused(sources: sessions.Sources, library: pathlib.Path, name: str) -> None:
    """Also through links and dots, and beside a root of similar name."""
    with pytest.raises(errors.PathRefused) as raised:
        sources.open(f"file://{library}/{name}")
    assert "SOURCE_NOT_ALLOWED" == raised.value.reason


def test_without_roots_any_file_is_a_source(uploads: sessions.Uploads, library: pathlib.Path) -> None:
    """Control, and the default on one's own machine: the same names open."""
    for name in ("../library2/secret", "link/secret"):
        with sessions.Sources(uploads).open(f"file://{library}/{name}") as file:
            assert b"secret" == file.read()


@pytest.mark.parametrize(
    "uri",
    [
        "", "film.mp4", "/film.mp4", "http://127.0.0.1/x", "file:film.mp4", "file://host/film.mp4", "file:///a%00b",
        "FILE:///x", "concat:a|b", "file:///\ud800", "upload:", "upload:../x", "file:", "file://",
    ],
    ids=ascii,
)  # fmt: skip
def test_uri_of_another_kind_is_refused(sources: sessions.Sources, uri: str) -> None:
    """Nothing but files and uploads."""
    with pytest.raises(errors.PathRefused):
        sources.open(uri)


def test_source_that_is_no_file_is_not_found(sources: sessions.Sources, library: pathlib.Path) -> None:
    """A folder, a pipe that would block, a name too long, nothing at all."""
    os.mkfifo(library / "pipe")
    for name in ("", "deep", "pipe", "missing", "x" * 300, "deep/missing/x"):
        with pytest.raises(errors.NotThere):
            sources.open(f"file://{library}/{name}")


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rest=st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=8).map("/".join)))
def test_any_uri_gives_a_file_or_one_of_two_errors(sources: sessions.Sources, library: pathlib.Path, rest: str) -> None:
    """And never the secret."""
    for uri in (rest, f"file:{rest}", f"file://{library}/{rest}", f"upload:{rest}"):
        try:
            with sources.open(uri) as file:
                assert b"secret" != file.read()
        except (errors.PathRefused, errors.NotThere):
            pass


ENDINGS = (".srt", ".vtt")


def test_file_beside_a_source_is_opened(sources: sessions.Sources, library: pathlib.Path) -> None:
    """By the plain name first, then by a language in the order of names; in the folder that the caller names."""
    film = f"file://{library}/my%20talk.mp4"
    assert sources.beside(film, ENDINGS) is None
    for name in ("my talk.en.vtt", "my talk.de-AT.srt", "my talk.vtt", "my talk.srt"):
        (library / name).write_bytes(name.encode())
        found = sources.beside(film, ENDINGS)
        assert found is not None
        with found[1] as file:
            assert (name, name.encode()) == (found[0], file.read())


@pytest.mark.parametrize("name", ["talks.srt", "talk.srt.bak", "talk.x.srt", "talk.english.srt", "alk.srt", "talk.SRT"])
def test_file_of_another_name_is_not_beside(sources: sessions.Sources, library: pathlib.Path, name: str) -> None:
    """Only what is named after the source, a language at most between."""
    (library / name).write_bytes(b"x")
    assert sources.beside(f"file://{library}/talk.mp4", ENDINGS) is None


def test_link_beside_a_source_is_not_followed(sources: sessions.Sources, library: pathlib.Path) -> None:
    """Nor is anything but a regular file opened, nor a file in a folder that is not allowed, nor one of an upload."""
    film = f"file://{library}/talk.mp4"
    (library / "real").write_bytes(CONTENT)
    (library / "talk.srt").symlink_to(library / "real")
    os.mkfifo(library / "talk.vtt")
    (library / "talk.en.srt").mkdir()
    assert sources.beside(film, ENDINGS) is None
    outside = library.parent / "library2"
    (outside / "talk.srt").write_bytes(b"secret")
    for uri in (f"file://{library}/../library2/talk.mp4", f"file://{outside}/talk.mp4", "upload:talk", "talk", ""):
        assert sources.beside(uri, ENDINGS) is None
    control = sessions.Sources(sources.uploads).beside(f"file://{outside}/talk.mp4", ENDINGS)
    assert control is not None
    with control[1] as file:
        assert b"secret" == file.read()


def test_full_folder_gives_plain_names_only(
    sources: sessions.Sources, library: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a folder with more names than are looked at, no part is searched: which part it is would be chance."""
    (library / "talk.en.srt").write_bytes(b"x")
    film = f"file://{library}/talk.mp4"
    with sources.beside(film, ENDINGS)[1]:
        monkeypatch.setattr(sessions, "BESIDE_MAX", 1)
    assert sources.beside(film, ENDINGS) is None


def test_importing_sessions_loads_no_codec() -> None:
    """Processes that only move files stay light."""
    code = (
        "import sys; from media import artifacts, errors, sessions; print(sorted({'av', 'numpy'} & set(sys.modules)))"
    )
    assert b"[]\n" == subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.mp4", "video/mp4"),
        ("a.json", "application/json"),
        ("a.html", "text/html"),
        ("a", "application/octet-stream"),
    ],
)
def test_media_type_follows_the_name(name: str, expected: str) -> None:
    """The same on every machine."""
    assert expected == artifacts.media_type(name)


def test_every_error_has_a_code_and_a_reason() -> None:
    """So that a server can report it without knowing it."""
    import grpc

    for kind in errors.BY_NAME.values():
        error = kind("what and where", metadata={"a": "b"})
        assert error.code_name in grpc.StatusCode.__members__
        assert error.reason == error.reason.upper() != ""
        assert ("what and where", {"a": "b"}) == (str(error), error.metadata)


def test_file_that_a_sweep_takes_while_it_is_written_can_be_tried_again(tmp_path) -> None:
    """A wall clock that jumped by a day makes it look old: that is the fault of nobody, and no file that is missing."""

    def written() -> None:
        with folders.replacing(tmp_path, "talk.json") as file:
            file.write(b"half")
            folders.sweep(tmp_path, 3600.0, time.time() + 86_400)

    with pytest.raises(errors.StorageFailed, match="swept") as failure:
        written()
    assert ("UNAVAILABLE", []) == (failure.value.code_name, list(tmp_path.iterdir()))
