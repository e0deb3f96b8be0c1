"""Alerts fire when they should and not otherwise, and name nothing that the code does not measure."""

import json
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
DEPLOY = ROOT / "deploy"
RULES = DEPLOY / "prometheus" / "rules.yml"
SCENARIOS = pathlib.Path(__file__).with_name("alerts.yml")
NAME = re.compile(r"\b(?:reelsmith|process)_\w+|\breelsmith:\w+:\w+")


def rules() -> Iterator[dict]:
    """Every rule."""
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        yield from group["rules"]


ALERTS = {rule["alert"]: rule for rule in rules() if "alert" in rule}


def dashboards() -> dict[str, dict]:
    """Every dashboard by its file."""
    return {path.name: json.loads(path.read_text()) for path in (DEPLOY / "grafana" / "dashboards").glob("*.json")}


def measured() -> set[str]:
    """Every name that a process of ours shows, as the reference lists them."""
    text = (ROOT / "docs" / "reference" / "metrics.md").read_text()
    return set(re.findall(r"^\| `(\w+)`", text, re.MULTILINE))


def known() -> set[str]:
    """Names that an expression may use: what is measured, with the endings of histograms, and what is recorded."""
    names = measured()
    endings = {f"{name}{end}" for name in names for end in ("_bucket", "_count", "_sum")}
    return names | endings | {rule["record"] for rule in rules() if "record" in rule}


def unknown(text: str) -> set[str]:
    """Names in a text that nobody measures or records."""
    return set(NAME.findall(text)) - known()


def test_rules_name_only_what_is_measured() -> None:
    """A rule on a metric that was renamed would be silent for ever; control: such a name is found."""
    assert set() == {name for rule in rules() for name in unknown(rule["expr"])}
    assert {"reelsmith_clips_mode_total"} == unknown("sum(rate(reelsmith_clips_mode_total[5m]))")


def test_dashboards_name_only_what_is_measured() -> None:
    """Each panel asks for something that is there."""
    assert {"suite.json", "jobs.json", "analyzer.json", "exporter.json"} == set(dashboards())
    expressions = [target["expr"] for one in dashboards().values() for panel in one["panels"] if "targets" in panel
                   for target in panel["targets"]]  # fmt: skip
    assert len(expressions) > 40
    assert set() == {name for text in expressions for name in unknown(text)}


def test_dashboards_have_room_for_their_panels() -> None:
    """Ids are unique, no panel lies over another or beside the page, and each has a title."""
    for board in dashboards().values():
        panels = board["panels"]
        assert len(panels) == len({panel["id"] for panel in panels})
        cells = [
            (panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y)
            for panel in panels
            for x in range(panel["gridPos"]["w"])
            for y in range(panel["gridPos"]["h"])
        ]
        assert len(cells) == len(set(cells))
        assert max(x for x, _ in cells) < 24
        assert all(panel["title"] for panel in panels)


def test_every_alert_has_a_runbook_and_a_receiver() -> None:
    """The note that an alert points to exists, and its severity is one that Alertmanager routes."""
    text = (ROOT / "docs" / "operations.md").read_text()
    headings = {line.strip("# ").lower() for line in text.splitlines() if line.startswith("#")}
    receivers = {
        one["name"] for one in yaml.safe_load((DEPLOY / "alertmanager/alertmanager.yml").read_text())["receivers"]
    }
    for name, rule in ALERTS.items():
        assert rule["annotations"]["runbook"] == f"docs/operations.md#{name.lower()}"
        assert name.lower() in headings
        assert rule["labels"]["severity"] in receivers


def test_every_alert_has_a_scenario_and_a_quiet_control() -> None:
    """Each alert is seen to fire, and each scenario but the one that contains others has its control."""
    tests = yaml.safe_load(SCENARIOS.read_text())["tests"]
    fired = set(re.findall(r'alertname=\\?"(\w+)', json.dumps(tests)))
    assert set(ALERTS) == fired
    controls = [one for one in tests if one["name"].startswith("control: ")]
    for control in controls:
        assert all(check["exp_samples"] == [] for check in control["promql_expr_test"])
    assert len(tests) - len(controls) <= len(controls) + 1


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """How a tool ends."""
    return subprocess.run(command, capture_output=True, text=True, timeout=240)


def test_scenarios_fire_in_order_and_clear(require_tool) -> None:
    """At each moment of each scenario exactly the alerts fire that should."""
    ended = run(require_tool("promtool"), "test", "rules", str(SCENARIOS))
    assert 0 == ended.returncode, ended.stdout + ended.stderr


def test_scenarios_can_fail(require_tool, tmp_path: pathlib.Path) -> None:
    """Control: with the threshold of one rule moved, its scenario goes red and names it."""
    moved = RULES.read_text().replace("increase(reelsmith_jobs_steps_quarantined_total[15m])) > 0", "vector(0)) > 0")
    assert moved != RULES.read_text()
    (tmp_path / "rules.yml").write_text(moved)
    document = yaml.safe_load(SCENARIOS.read_text())
    poison = [one for one in document["tests"] if one["name"].startswith("poison")]
    text = yaml.safe_dump({**document, "rule_files": [str(tmp_path / "rules.yml")], "tests": poison})
    (tmp_path / "alerts.yml").write_text(text)
    ended = run(require_tool("promtool"), "test", "rules", str(tmp_path / "alerts.yml"))
    assert 0 != ended.returncode
    assert "ReelsmithPoison" in ended.stdout + ended.stderr


def test_configurations_are_what_their_programs_take(require_tool) -> None:
    """Prometheus and Alertmanager say so themselves."""
    ended = run(require_tool("promtool"), "check", "config", str(DEPLOY / "prometheus" / "prometheus.yml"))
    assert 0 == ended.returncode, ended.stdout + ended.stderr
    ended = run(require_tool("amtool"), "check-config", str(DEPLOY / "alertmanager" / "alertmanager.yml"))
    assert 0 == ended.returncode, ended.stdout + ended.stderr


@pytest.mark.parametrize(("severity", "receiver"), [("page", "page"), ("ticket", "ticket")])
def test_alerts_reach_whom_they_are_for(require_tool, severity: str, receiver: str) -> None:
    """The routes of Alertmanager, asked of Alertmanager."""
    routes = ("config", "routes", "test", f"--config.file={DEPLOY / 'alertmanager' / 'alertmanager.yml'}")
    ended = run(require_tool("amtool"), *routes, f"severity={severity}", "alertname=X")
    assert receiver == ended.stdout.strip()


def test_names_follow_the_conventions_of_prometheus(require_tool) -> None:
    """Units, endings and words of help, by Prometheus' own judgement; control: it finds a counter without an ending."""
    code = (
        "import importlib.util, prometheus_client\n"
        "spec = importlib.util.spec_from_file_location('generate', 'docs/generate.py')\n"
        "generate = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(generate)\n"
        "generate.families()\n"
        "print(prometheus_client.generate_latest().decode())\n"
    )
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, timeout=60, check=True).stdout
    check = [require_tool("promtool"), "check", "metrics"]
    ended = subprocess.run(check, input=shown, capture_output=True, timeout=60)
    assert (0, b"") == (ended.returncode, ended.stderr)
    bad = b"# HELP reelsmith_clips Clips.\n# TYPE reelsmith_clips counter\nreelsmith_clips 1\n"
    assert 0 != subprocess.run(check, input=bad, capture_output=True, timeout=60).returncode
