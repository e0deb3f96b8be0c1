"""The pipeline runs what is there, with no more rights than it needs, and a release says what changed."""

import importlib.util
import pathlib
import re

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
WORKFLOWS = {path.name: path.read_text() for path in (ROOT / ".github" / "workflows").glob("*.yml")}
spec = importlib.util.spec_from_file_location("release", ROOT / ".github" / "release.py")
release = importlib.util.module_from_spec(spec)
spec.loader.exec_module(release)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_jobs_may_read_and_end_in_time(name: str) -> None:
    """Writing is granted to single jobs; each job has a limit."""
    workflow = yaml.safe_load(WORKFLOWS[name])
    assert {"contents": "read"} == workflow["permissions"]
    for job in workflow["jobs"].values():
        assert 0 < job["timeout-minutes"] <= 90


def test_what_the_pipeline_names_is_there() -> None:
    """Extras, groups, modules, tests and files."""
    text = "\n".join(WORKFLOWS.values())
    project = (ROOT / "pyproject.toml").read_text()
    for extra in re.findall(r"extra: ([a-z]+)", text):
        assert re.search(rf"^{extra} = \[", project, re.MULTILINE), extra
    for module in re.findall(r"module: ([\w.]+)", text):
        assert (ROOT / f"{module.replace('.', '/')}.py").is_file()
    for path in re.findall(r"(?:tests/\S+\.py|deploy/Dockerfile|deploy/helm/\w+|\.ci/run|\.github/\w+\.py)", text):
        assert (ROOT / path).exists(), path
    for group in re.findall(r"--group (\w+)", text):
        assert re.search(rf"^{group} = \[", project, re.MULTILINE), group


def release_of(folder: pathlib.Path, changelog: str) -> pathlib.Path:
    """A project of version 1.2.3 with a changelog."""
    (folder / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n')
    (folder / "CHANGELOG.md").write_text(changelog)
    return folder


def test_release_notes_are_those_of_the_version(tmp_path: pathlib.Path) -> None:
    """From its heading to the next."""
    later = "# Changelog\n\n## [Unreleased]\n\n- Later\n\n"
    text = later + "## [1.2.3] - 2026-11-26\n\n### Added\n\n- This\n\n## [1.2.2]\n\n- Old\n"
    assert "### Added\n\n- This\n" == release.notes("v1.2.3", release_of(tmp_path, text))


@pytest.mark.parametrize("tag", ["v1.2.4", "1.2.3"])
def test_tag_of_another_version_makes_no_release(tmp_path: pathlib.Path, tag: str) -> None:
    """Tag and project have to agree."""
    with pytest.raises(ValueError, match=r"the project is 1\.2\.3"):
        release.notes(tag, release_of(tmp_path, "## [1.2.3]\n\n- This\n"))


def test_version_without_notes_makes_no_release(tmp_path: pathlib.Path) -> None:
    """Nobody should have to guess what changed."""
    with pytest.raises(ValueError, match="says nothing"):
        release.notes("v1.2.3", release_of(tmp_path, "## [Unreleased]\n\n- All of it\n"))
