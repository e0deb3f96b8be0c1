"""Log files stay small and give their last lines."""

import pytest

from deploy.local import log


def test_full_file_is_put_aside(tmp_path):
    """Three files are kept, the newest under the plain name."""
    file = log.RollingFile(tmp_path / "jobs.log", size_max=10, files_max=3)
    for number in range(8):
        file.write(b"line %d...\n" % number)
    file.close()
    assert ["jobs.log", "jobs.log.1", "jobs.log.2"] == sorted(path.name for path in tmp_path.iterdir())
    assert "line 7...\n" == (tmp_path / "jobs.log").read_text()
    assert "line 5...\n" == (tmp_path / "jobs.log.2").read_text()


def test_restarted_process_appends(tmp_path):
    """The lines before a crash are still there after the restart."""
    for word in (b"before\n", b"after\n"):
        file = log.RollingFile(tmp_path / "jobs.log")
        file.write(word)
        file.close()
    assert "before\nafter\n" == (tmp_path / "jobs.log").read_text()


def test_tail_gives_the_last_lines(tmp_path):
    """The end of a log is what an error message shows."""
    (tmp_path / "a.log").write_text("".join(f"{number}\n" for number in range(100_000)))
    assert "99998\n99999" == log.tail(tmp_path / "a.log", lines=2)
    assert "" == log.tail(tmp_path / "none.log")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"time": "10:54", "level": "INFO", "message": "up", "pid": 3}', "10:54 INFO up"),
        (
            '{"time": "1", "level": "ERROR", "message": "m", "exc_info": "Traceback\\nOSError: full"}',
            "1 ERROR m\n  OSError: full",
        ),
        ("Killed", "Killed"),
        ('{"other": 1}', '{"other": 1}'),
        ("[]", "[]"),
    ],
)
def test_json_line_is_shown_for_a_person(line, expected):
    """Time, level, message, and the last line of what was raised; what is no JSON log stays as it is."""
    assert expected == log.readable(line)
