"""The gateway: Envoy, configured from the product's OpenAPI document, and how it is reached."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from deploy.errors import SettingsError
from deploy.kubernetes.objects import (
    Object,
    Program,
    Volume,
    config,
    deployment,
    disruption_budget,
    metadata,
    service,
)
from deploy.kubernetes.options import Options
from gateway.api import read_api
from gateway.envoy.bootstrap import bootstrap, resources
from gateway.product.openapi_document import openapi_document
from gateway.runtime import AddressPrefix, Runtime, Target
from services.catalog import Model

COMPONENT: Final = "gateway"
NAME: Final = "guichet-gateway"
DIRECTORY: Final = "guichet-directory"
# The release of the wheel that the other gateways use.
IMAGE: Final = "docker.io/envoyproxy/envoy:distroless-v1.40.0"
PORT: Final = 8080
FOLDER: Final = "/etc/guichet/envoy"
# The image's user is root.
USER: Final = 65532
# Kubernetes' limit on a Secret, less its other fields.
SECRET_BYTES: Final = 1_000_000


def gateway_document(models: Sequence[Model], options: Options) -> dict[str, Any]:
    """The API's document. Its backends get no ID tokens: network policies decide who may reach them."""
    addresses = {model.name: options.model_url(model) for model in models}
    document = openapi_document(models, addresses, options.url(DIRECTORY), host=options.host or None)
    for item in document["paths"].values():
        for operation in item.values():
            backend = {key: value for key, value in operation["x-google-backend"].items() if key != "jwt_audience"}
            operation["x-google-backend"] = backend | {"disable_auth": True}
    return document


def gateway_bootstrap(
    document: Mapping[str, Any],
    options: Options,
    *,
    address: str = "0.0.0.0",  # noqa: S104  # of a pod
    port: int = PORT,
    backend_overrides: Mapping[AddressPrefix, Target] | None = None,
) -> str:
    """Envoy's bootstrap with the API keys, as JSON; raises SettingsError if it does not fit into a Secret."""
    runtime = Runtime(port, options.keys, address, backend_overrides or {})
    text = json.dumps(bootstrap(resources(read_api(document), runtime)), separators=(",", ":"))
    if len(text.encode()) > SECRET_BYTES:
        raise SettingsError(
            f"Envoy's configuration has {len(text.encode()):,} bytes, and a Secret {SECRET_BYTES:,} at most: choose"
            " fewer models with --models."
        )
    return text


def gateway_objects(document: Mapping[str, Any], deadline: float, options: Options) -> list[Object]:
    """Envoy's Deployment and what it needs; `deadline` is the longest of a model."""
    text = gateway_bootstrap(document, options)
    program = Program(
        NAME,
        IMAGE,
        PORT,
        cpu="500m",
        memory="256Mi",
        # By default, Envoy has a thread for each of the node's CPUs.
        command=("--config-path", f"{FOLDER}/envoy.json", "--disable-hot-restart", "--concurrency", "2"),
        volumes=[Volume("Secret", NAME, FOLDER, text)],
        user=USER,
        # Envoy ends at once when it is told to, with requests unanswered.
        linger=math.ceil(deadline) + 5,
    )
    return [
        config("Secret", NAME, COMPONENT, {"envoy.json": text}),
        deployment(program, COMPONENT, replicas=2),
        service(program, COMPONENT),
        disruption_budget(NAME, COMPONENT),
        *exposure(NAME, COMPONENT, options.host, options),
    ]


def exposure(name: str, component: str, host: str, options: Options) -> list[Object]:
    """The route from a public host name to a Service, if there is such a name."""
    if not host:
        return []
    if options.exposure == "ingress":
        backend = {"service": {"name": name, "port": {"name": "http"}}}
        return [
            {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "Ingress",
                "metadata": metadata(name, component),
                "spec": {
                    "ingressClassName": options.entrance,
                    "rules": [
                        {
                            "host": host,
                            "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]},
                        }
                    ],
                },
            }
        ]
    namespace, _, gateway = options.entrance.rpartition("/")
    return [
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": metadata(name, component),
            "spec": {
                "parentRefs": [{"name": gateway} | ({"namespace": namespace} if namespace else {})],
                "hostnames": [host],
                "rules": [{"backendRefs": [{"name": name, "port": 80}]}],
            },
        }
    ]
