"""The documentation is what the sources say, and leads nowhere wrong."""

import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
PAGES = sorted(
    [*ROOT.glob("docs/**/*.md"), *(ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"))]
)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


def anchors(page: pathlib.Path) -> set[str]:
    """What a link to a heading of a page may say, by the rules of GitHub."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def broken(page: pathlib.Path, text: str) -> list[str]:
    """Links of a page that lead to no file or heading of ours; what leads outside is not looked at."""
    found = []
    for target in LINK.findall(CODE.sub("", text)):
        name, _, heading = target.partition("#")
        if "://" in target:
            continue
        place = (page.parent / name).resolve() if name else page
        if not place.exists() or (heading and heading not in anchors(place)):
            found.append(target)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: pathlib.Path) -> None:
    """Files and headings that are linked exist; control: a link to nothing is found."""
    assert [] == broken(page, page.read_text())
    assert ["no-such.md", "#no-such-heading"] == broken(page, "[a](no-such.md) [b](#no-such-heading)")


def generate(folder: pathlib.Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the generator of a tree."""
    command = [sys.executable, str(folder / "docs" / "generate.py"), *arguments]
    return subprocess.run(
        command, cwd=folder, env={"PYTHONPATH": str(folder)}, capture_output=True, text=True, timeout=120
    )


def test_reference_is_fresh() -> None:
    """It says what protos, settings, metrics and errors say; else `make docs` was forgotten."""
    ended = generate(ROOT, "--check")
    assert (0, "") == (ended.returncode, ended.stderr)


def test_reference_that_was_changed_by_hand_is_stale(tmp_path: pathlib.Path) -> None:
    """Control: the check names the page."""
    for name in ("chassis", "media", "services", "gateway", "protos", "docs"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "*.ttf", "*.otf"))
    page = tmp_path / "docs" / "reference" / "settings.md"
    page.write_text(page.read_text().replace("gRPC port", "port"))
    ended = generate(tmp_path, "--check")
    assert 1 == ended.returncode
    assert "stale, run `make docs`: settings.md" in ended.stderr


def test_commands_of_the_guide_are_there() -> None:
    """Each `reelsmith` command that the pages show has a page of help."""
    shown = {
        tuple(words)
        for page in PAGES
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL)
        for words in re.findall(r"^reelsmith (\w+)(?: (list|watch|show|set|history|rollback)\b)?", block, re.MULTILINE)
    }
    assert len(shown) > 8
    code = (
        "import sys, click, typer\n"
        "from client import __main__ as main\n"
        "root = typer.main.get_command(main.app)\n"
        f"for words in {sorted(shown)!r}:\n"
        "    found = root\n"
        "    for word in filter(None, words):\n"
        "        found = found.commands[word]\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (0, "") == (ended.returncode, ended.stderr)
