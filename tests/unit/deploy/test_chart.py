"""The Helm chart gives Kubernetes what it takes, and nothing that runs with rights or without limits."""

import importlib.util
import itertools
import json
import pathlib
import re
import shutil
import subprocess
from collections.abc import Iterator

import jsonschema
import pytest
import yaml

from deploy.local import plan

ROOT = pathlib.Path(__file__).resolve().parents[3]
CHART = ROOT / "deploy" / "helm" / "reelsmith"
KUBERNETES = "1.31"  # whose schemas the objects must fit
VALUES = ("values", "values-gpu", "values-ha", "values-airgapped")
FOREIGN = {"PodMonitor", "PrometheusRule", "ScaledObject"}  # defined by operators, which bring their schemas
OURS = {service for service, *_ in plan.SERVICES}


def values(name: str) -> dict:
    """A file of values."""
    return yaml.safe_load((CHART / f"{name}.yaml").read_text())


@pytest.mark.parametrize("name", VALUES)
def test_values_fit_their_schema(name: str) -> None:
    """As Helm would check them; control: a value that is misspelled is refused."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    jsonschema.validate(values(name), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(values(name) | {"sesions": {}}, schema)


def test_chart_carries_the_rules_and_dashboards_of_the_others() -> None:
    """They are links to the one place where each is kept."""
    assert (ROOT / "deploy/prometheus/rules.yml").samefile(CHART / "files" / "rules.yml")
    assert (ROOT / "deploy/grafana/dashboards").samefile(CHART / "files" / "dashboards")


def test_chart_knows_every_service_and_its_port() -> None:
    """Those that the launcher starts."""
    ports = dict(re.findall(r"^(\w+): (\d{5})$", (CHART / "templates/_names.tpl").read_text(), re.MULTILINE))
    assert {service: str(port) for service, port, _ in plan.SERVICES} == ports
    assert OURS == set(values("values")["services"])


@pytest.fixture(scope="module")
def helm() -> str:
    """Helm, which is not in Debian and takes minutes to build: it is looked for, never installed for a test."""
    return shutil.which("helm") or pytest.skip("helm is not installed")


@pytest.fixture(scope="module", params=VALUES)
def objects(request: pytest.FixtureRequest, helm: str) -> list[dict]:
    """What the chart makes of a file of values."""
    command = [helm, "template", "clips", str(CHART), "--kube-version", f"{KUBERNETES}.0"]
    ended = subprocess.run([*command, "-f", str(CHART / f"{request.param}.yaml")], capture_output=True, timeout=60)
    assert 0 == ended.returncode, ended.stderr.decode()
    return [item for item in yaml.safe_load_all(ended.stdout) if item]


def of(objects: list[dict], kind: str) -> dict[str, dict]:
    """Objects of a kind by their name."""
    return {item["metadata"]["name"]: item for item in objects if item["kind"] == kind}


def pods(objects: list[dict]) -> Iterator[tuple[str, dict]]:
    """Component and specification of every pod."""
    for item in itertools.chain(of(objects, "Deployment").values(), of(objects, "StatefulSet").values()):
        template = item["spec"]["template"]
        yield template["metadata"]["labels"]["app.kubernetes.io/component"], template["spec"]


def test_objects_fit_the_schemas_of_kubernetes(objects: list[dict]) -> None:
    """Each field is one that Kubernetes knows."""
    if importlib.util.find_spec("kubernetes_validate") is None:
        pytest.skip("kubernetes-validate is not installed (uv sync --group charts)")
    import kubernetes_validate

    for item in objects:
        if item["kind"] not in FOREIGN:
            kubernetes_validate.validate(item, KUBERNETES, strict=True)
    broken = json.loads(json.dumps(next(iter(of(objects, "Deployment").values()))))
    broken["spec"]["template"]["spec"]["containers"][0]["portz"] = []
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, KUBERNETES, strict=True)


def test_pods_have_no_rights_and_limits_of_everything(objects: list[dict]) -> None:
    """Nobody's user, read-only, no capability, no token, a seccomp profile; limits, requests and probes."""
    found = dict(pods(objects))
    assert OURS == set(found)
    for pod in found.values():
        assert (False, True, 10001) == (
            pod["automountServiceAccountToken"],
            pod["securityContext"]["runAsNonRoot"],
            pod["securityContext"]["runAsUser"],
        )
        assert pod["securityContext"]["seccompProfile"]["type"] in {"RuntimeDefault", "Localhost"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        assert not any("hostPath" in volume for volume in pod["volumes"])
        for container in pod["containers"]:
            context = container["securityContext"]
            assert (True, False, False) == (
                context["readOnlyRootFilesystem"],
                context["allowPrivilegeEscalation"],
                context["privileged"],
            )
            assert {"drop": ["ALL"]} == context["capabilities"]
            assert {"cpu", "memory"} <= set(container["resources"]["limits"]) & set(container["resources"]["requests"])
            assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(container)


def test_owners_of_databases_run_once(objects: list[dict]) -> None:
    """Jobs and config have one replica with a volume of its own; nothing scales them."""
    owners = of(objects, "StatefulSet")
    assert {"clips-reelsmith-jobs", "clips-reelsmith-config"} == set(owners)
    assert all(1 == item["spec"]["replicas"] and item["spec"]["volumeClaimTemplates"] for item in owners.values())
    scalers = [*of(objects, "HorizontalPodAutoscaler").values(), *of(objects, "ScaledObject").values()]
    assert scalers
    assert not {item["spec"]["scaleTargetRef"]["name"] for item in scalers} & set(owners)
    for name, item in of(objects, "Deployment").items():
        scaled = any(scaler["spec"]["scaleTargetRef"]["name"] == name for scaler in scalers)
        assert scaled != ("replicas" in item["spec"])  # two who set the number would fight over it


def test_network_lets_only_the_gateway_be_reached(objects: list[dict]) -> None:
    """Every component has a policy for both directions; gRPC of the others is for the suite alone."""
    policies = of(objects, "NetworkPolicy")
    assert {f"clips-reelsmith-{name}" for name in OURS} == set(policies)
    for name, policy in policies.items():
        assert ["Ingress", "Egress"] == policy["spec"]["policyTypes"]
        grpc = policy["spec"]["ingress"][0]
        suite = [
            {
                "podSelector": {
                    "matchLabels": {"app.kubernetes.io/name": "reelsmith", "app.kubernetes.io/instance": "clips"}
                }
            }
        ]
        if not name.endswith("-gateway"):
            assert suite == grpc["from"]


def test_services_and_budgets_select_their_pods(objects: list[dict]) -> None:
    """Labels that are selected are those of the pods, and every name in the list of services is a Service."""
    labels = dict.fromkeys(OURS)
    for item in [*of(objects, "Deployment").values(), *of(objects, "StatefulSet").values()]:
        found = item["spec"]["template"]["metadata"]["labels"]
        labels[found["app.kubernetes.io/component"]] = found
        assert item["spec"]["selector"]["matchLabels"].items() <= found.items()
    for item in of(objects, "Service").values():
        selected = item["spec"]["selector"]
        assert selected.items() <= labels[selected["app.kubernetes.io/component"]].items()
    for _, pod in pods(objects):
        environment = {one["name"]: one.get("value") for one in pod["containers"][0]["env"]}
        hosts = re.findall(r"=([\w-]+):", environment["REELSMITH_STATIC_REGISTRY"])
        assert set(hosts) <= set(of(objects, "Service"))
        assert ("dns", 5) == (environment["REELSMITH_DISCOVERY"], len(hosts))


@pytest.mark.parametrize(
    ("setting", "message"),
    [("services.jobs.replicas=2", "replicas"), ("services.analyzer.model.claim=models", "model.name")],
)
def test_values_that_cannot_be_are_refused(helm: str, setting: str, message: str) -> None:
    """A second owner of a database, and a model without a name."""
    command = [helm, "template", "clips", str(CHART), "--kube-version", f"{KUBERNETES}.0", "--set", setting]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert 0 != ended.returncode
    assert message in ended.stderr
