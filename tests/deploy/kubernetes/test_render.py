"""The manifests: valid by Kubernetes' schemas and those of Knative, KServe and Gateway API; and what they contain."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit

import pytest
from jsonschema import Draft7Validator
from ruamel.yaml import YAML

from deploy.errors import SettingsError
from deploy.kubernetes.gateway import gateway_document
from deploy.kubernetes.objects import Object
from deploy.kubernetes.options import Options, Target
from deploy.kubernetes.render import as_yaml, manifests
from gateway.api_keys import Key
from services.catalog import load_catalog

HERE = Path(__file__).parent
CATALOG = load_catalog()
KEYS = (Key("disabled-key", "1", enabled=False), Key("local-key", "2"))
TARGETS: tuple[Target, ...] = get_args(Target)
CUSTOM = {"serving.knative.dev/v1": "knative-service", "serving.kserve.io/v1beta1": "inferenceservice"}
CUSTOM["gateway.networking.k8s.io/v1"] = "httproute"
HOSTS = {"host": "api.example.com", "page_host": "www.example.com"}


@cache
def rendered(target: Target, *names: str, exposure: Any = "httproute") -> dict[str, list[Object]]:
    models = CATALOG.select(names) if names else list(CATALOG)
    return manifests(CATALOG, models, Options(target, "r.example.com/guichet", KEYS, exposure=exposure, **HOSTS))


def objects(target: Target, kind: str, **options: Any) -> list[Object]:
    return [one for file in rendered(target, **options).values() for one in file if one["kind"] == kind]


def pod_specs(target: Target) -> list[Object]:
    return [
        *(one["spec"]["template"]["spec"] for one in objects(target, "Deployment")),
        *(one["spec"]["template"]["spec"] for one in objects(target, "Service") if "template" in one["spec"]),
        *(one["spec"]["predictor"] for one in objects(target, "InferenceService")),
    ]


def closed(schema: Any) -> Any:
    """The schema with unknown fields refused, as the API server prunes or refuses them."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    found = {key: closed(value) for key, value in schema.items()}
    keeps = "additionalProperties" in schema or schema.get("x-kubernetes-preserve-unknown-fields")
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object" and not keeps:
        found["additionalProperties"] = False
    return found


@cache
def custom_schema(name: str) -> Draft7Validator:
    schema = closed(json.loads((HERE / f"schemas/{name}.json").read_text(encoding="utf-8")))
    # The definition only says that it is an object.
    schema["properties"]["metadata"] = {"type": "object"}
    return Draft7Validator(schema)


@pytest.fixture(scope="module", autouse=True)
def schemas_that_are_read_once() -> Iterator[None]:
    """The library reads megabytes for every object."""
    from kubernetes_validate import utils

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utils, "schema_contents", cache(utils.schema_contents))
        yield


def mistakes(one: Object) -> list[str]:
    if name := CUSTOM.get(one["apiVersion"]):
        return [error.message for error in custom_schema(name).iter_errors(one)]
    import kubernetes_validate  # slow to import

    try:
        kubernetes_validate.validate(one, kubernetes_validate.latest_version(), strict=True)
    except kubernetes_validate.ValidationError as err:
        return [err.message]
    return []


@pytest.mark.parametrize("exposure", ["httproute", "ingress"])
@pytest.mark.parametrize("target", TARGETS)
def test_every_object_is_valid(target: Target, exposure: str) -> None:
    files = rendered(target, exposure=exposure)
    kustomization = files["kustomization.yaml"][0]
    assert sorted(kustomization["resources"]) == sorted(files.keys() - {"kustomization.yaml"})
    for file, found in files.items():
        for one in found if file != "kustomization.yaml" else ():
            assert mistakes(one) == [], (file, one["kind"])


@pytest.mark.parametrize(
    ("target", "kind", "change"),
    [
        ("kubernetes", "Deployment", {"spec": {"replicas": 1}}),
        ("knative", "Service", {"apiVersion": "serving.knative.dev/v1", "spec": {"templates": {}}}),
        ("kserve", "InferenceService", {"spec": {"predictor": {"minReplicas": "1"}}}),
        ("kubernetes", "HTTPRoute", {"spec": {"rules": [{"backends": []}]}}),
    ],
)
def test_an_invalid_object_is_found(target: Target, kind: str, change: Object) -> None:
    assert mistakes(objects(target, kind)[0] | change)


@pytest.mark.parametrize("target", TARGETS)
def test_every_pod_is_restricted(target: Target) -> None:
    specs = pod_specs(target)
    assert len(specs) == len(CATALOG) + 3
    for spec in specs:
        (container,) = spec["containers"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["enableServiceLinks"] is False
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert container["securityContext"]["runAsNonRoot"]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert not container["securityContext"]["allowPrivilegeEscalation"]
        assert container["resources"]["requests"] == container["resources"]["limits"]
        assert container["readinessProbe"]
        assert container["livenessProbe"]


@pytest.mark.parametrize("target", TARGETS)
def test_a_pod_serves_on_while_others_learn_that_it_ends(target: Target) -> None:
    for spec in pod_specs(target):
        (container,) = spec["containers"]
        if target == "knative" and "containerConcurrency" in spec:
            # Knative's own proxy in the pod does so, and its webhook refuses hooks.
            assert "lifecycle" not in container
            continue
        seconds = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert spec["terminationGracePeriodSeconds"] >= seconds + 10
        # Envoy does not finish its requests.
        if "envoy" in container["image"]:
            assert seconds > max(model.deadline for model in CATALOG)


@pytest.mark.parametrize("target", TARGETS)
def test_the_gateways_backends_are_services_whose_pods_listen(target: Target) -> None:
    document = gateway_document(list(CATALOG), Options(target, "r.example.com/guichet", KEYS))
    operations = [operation for item in document["paths"].values() for operation in item.values()]
    backends = {urlsplit(operation["x-google-backend"]["address"]).netloc for operation in operations}
    services = {f"{one['metadata']['name']}.guichet.svc.cluster.local": one for one in objects(target, "Service")}
    assert len(backends) == len(CATALOG) + 1
    for backend in backends:
        spec = services[backend]["spec"]
        if services[backend]["apiVersion"] == "v1":
            (port,) = spec["ports"]
            pods = [pod for labels, pod in labelled_pods(target) if spec["selector"].items() <= labels.items()]
            assert [pod["containers"][0]["ports"][0]["containerPort"] for pod in pods] == [port["targetPort"]]


def labelled_pods(target: Target) -> list[tuple[dict[str, str], Object]]:
    templates = [one["spec"]["template"] for one in objects(target, "Deployment")]
    predictors = [one["spec"]["predictor"] for one in objects(target, "InferenceService")]
    return [
        *((one["metadata"]["labels"], one["spec"]) for one in templates),
        *((one["labels"], one) for one in predictors),
    ]


def test_knatives_webhook_accepts_the_services() -> None:
    """The rules of its validation that are not in the schema; pkg/apis/serving of knative/serving."""
    services = [one for one in objects("knative", "Service") if one["apiVersion"] == "serving.knative.dev/v1"]
    assert len(services) == len(CATALOG)
    for one in services:
        spec = one["spec"]["template"]["spec"]
        (container,) = spec["containers"]
        # max-revision-timeout-seconds is 600 by default.
        assert 1 <= spec["timeoutSeconds"] <= 600
        assert 0 <= spec["containerConcurrency"] <= 1000
        # An e-mail address, as Cloud Run has it, is no DNS name.
        assert "serviceAccountName" not in spec
        assert not {item["name"] for item in container["env"]} & {"PORT", "K_SERVICE", "K_CONFIGURATION", "K_REVISION"}
        assert container["ports"] == [{"name": "http1", "containerPort": 8000}]
        assert container["name"] != "queue-proxy"
        assert {probe for probe in container if probe.endswith("Probe")} == {"readinessProbe", "livenessProbe"}


@pytest.mark.parametrize("target", TARGETS)
def test_only_the_gateway_reaches_models_and_directory(target: Target) -> None:
    policies = {one["metadata"]["name"]: one["spec"] for one in objects(target, "NetworkPolicy")}
    (rule,) = policies["guichet-models"]["ingress"]
    pods = [peer["podSelector"]["matchLabels"] for peer in rule["from"] if "podSelector" in peer]
    assert [labels["app.kubernetes.io/component"] for labels in pods] == ["gateway"]
    # Knative's own proxies pass requests on, and they do not tell from whom.
    assert len(rule["from"]) == (2 if target == "knative" else 1)
    (rule,) = policies["guichet-directory"]["ingress"]
    assert len(rule["from"]) == 1
    selected = {spec["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for spec in policies.values()}
    assert selected == {"model", "directory", "gateway"}


def test_without_host_names_nothing_is_exposed() -> None:
    files = manifests(CATALOG, CATALOG.select(["resnet18"]), Options("kubernetes", "r.example.com/guichet", KEYS))
    kinds = {one["kind"] for file in files.values() for one in file}
    assert not kinds & {"HTTPRoute", "Ingress"}


def test_the_gateway_of_the_routes_may_be_in_another_namespace() -> None:
    options = Options("kubernetes", "r.example.com/guichet", KEYS, entrance="entrances/public", host="api.example.com")
    routes = manifests(CATALOG, CATALOG.select(["resnet18"]), options)["gateway.yaml"]
    (route,) = [one for one in routes if one["kind"] == "HTTPRoute"]
    assert route["spec"]["parentRefs"] == [{"name": "public", "namespace": "entrances"}]
    assert mistakes(route) == []


def test_the_page_uses_the_first_enabled_key() -> None:
    assert [
        one["stringData"] for one in objects("kubernetes", "Secret") if one["metadata"]["name"] == "guichet-key"
    ] == [{"api-key": "local-key"}]


@pytest.mark.parametrize(
    "change",
    [
        {"target": "nomad"},
        {"exposure": "lb"},
        {"namespace": "A"},
        {"namespace": ""},
        {"host": "x_y"},
        {"keys": KEYS[:1]},
        {"entrance": "a/b/c"},
        {"entrance": "a/b", "exposure": "ingress"},
    ],
    ids=str,
)
def test_an_invalid_option_is_named(change: dict[str, Any]) -> None:
    options: dict[str, Any] = {"target": "kubernetes", "registry": "r", "keys": KEYS}
    with pytest.raises(SettingsError, match="--"):
        Options(**(options | change))


def shortened(one: Any) -> Any:
    """Without Envoy's configuration and the published document, which have tests of their own."""
    if isinstance(one, dict):
        return {key: shortened(value) for key, value in one.items()}
    if isinstance(one, list):
        return [shortened(item) for item in one]
    return "…" if isinstance(one, str) and len(one) > 1000 else one


def golden_text(target: Target) -> str:
    files = rendered(target, "resnet18")
    return "".join(f"# {file}\n{as_yaml(shortened(found))}" for file, found in sorted(files.items()))


@pytest.mark.parametrize("target", TARGETS)
def test_the_manifests_of_one_model_are_the_golden_ones(target: Target) -> None:
    """Set UPDATE_GOLDEN to write them anew."""
    path = HERE / f"golden/{target}.yaml"
    # The digests change with the document.
    lines = golden_text(target).splitlines(keepends=True)
    found = "".join(line for line in lines if "guichet/content:" not in line)
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("target", TARGETS)
def test_nine_models_have_the_golden_objects(target: Target) -> None:
    path = HERE / f"golden/{target}-nine-models.txt"
    lines = [
        f"{file}: {one['kind']} {one.get('metadata', {}).get('name', '')}".rstrip()
        for file, found in sorted(rendered(target).items())
        for one in found
    ]
    found = "\n".join(lines) + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8")


def test_the_yaml_says_the_same() -> None:
    for found in rendered("kubernetes", "resnet18").values():
        assert list(YAML(typ="safe").load_all(as_yaml(found))) == found
