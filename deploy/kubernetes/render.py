"""All files of the manifests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from io import StringIO

from ruamel.yaml import YAML

from deploy.kubernetes.gateway import DIRECTORY, NAME, exposure, gateway_document, gateway_objects
from deploy.kubernetes.models import PORT, model_objects
from deploy.kubernetes.objects import Object, Program, Volume, config, deployment, disruption_budget, service
from deploy.kubernetes.options import Options
from deploy.kubernetes.policies import network_policies
from deploy.plan.cloud_run_manifests import PAGE_CPU, PAGE_MEMORY
from deploy.plan.desired_state import listing
from gateway.product.openapi_document import public_document
from services.catalog import Catalog, Model
from services.published_document import COMPRESSED_SUFFIX, compressed, published_text

PAGE = "guichet-page"
DOCUMENT, DOCUMENT_FOLDER = "guichet-document", "/etc/guichet/document"
KEY, KEY_FOLDER = "guichet-key", "/etc/guichet/key"


def manifests(catalog: Catalog, models: Sequence[Model], options: Options) -> dict[str, list[Object]]:
    """File name -> its objects."""
    document = gateway_document(models, options)
    published = published_text(public_document(document), listing(catalog, models))
    files = {
        "directory.yaml": directory_objects(published, options),
        "gateway.yaml": gateway_objects(document, max(model.deadline for model in models), options),
        "page.yaml": page_objects(options),
        "network-policies.yaml": network_policies(options),
    }
    files |= {f"model-{model.name}.yaml": model_objects(model, options) for model in models}
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": options.namespace,
        "resources": sorted(files),
    }
    return {**files, "kustomization.yaml": [kustomization]}


def directory_objects(published: str, options: Options) -> list[Object]:
    """The service that lists the models and shows the API's document."""
    file, text = f"openapi.json{COMPRESSED_SUFFIX}", compressed(published)
    program = Program(
        DIRECTORY,
        options.image("directory"),
        PORT,
        cpu="250m",
        memory="256Mi",
        live="/live",
        ready="/ready",
        environment={"GUICHET_DOCUMENT": f"{DOCUMENT_FOLDER}/{file}"},
        volumes=[Volume("ConfigMap", DOCUMENT, DOCUMENT_FOLDER, text)],
    )
    return [
        config("ConfigMap", DOCUMENT, "directory", {file: text}),
        deployment(program, "directory", replicas=2),
        service(program, "directory"),
        disruption_budget(DIRECTORY, "directory"),
    ]


def page_objects(options: Options) -> list[Object]:
    """The page, which calls the gateway with its key."""
    program = Program(
        PAGE,
        options.image("page"),
        PORT,
        cpu=str(PAGE_CPU),
        memory=PAGE_MEMORY,
        live="/_stcore/health",
        ready="/_stcore/health",
        environment={
            "API_GATEWAY": options.url(NAME),
            "API_KEY_FILE": f"{KEY_FOLDER}/api-key",
            "HOST": "0.0.0.0",  # noqa: S104  # of a pod
            "PORT": str(PORT),
            **({"ALLOWED_ORIGINS": f"https://{options.page_host}"} if options.page_host else {}),
        },
        volumes=[Volume("Secret", KEY, KEY_FOLDER, options.page_key)],
    )
    return [
        config("Secret", KEY, "page", {"api-key": options.page_key}),
        # One pod: a browser that reconnects must reach the one that has its session.
        deployment(program, "page", replicas=1),
        service(program, "page"),
        disruption_budget(PAGE, "page"),
        *exposure(PAGE, "page", options.page_host, options),
    ]


def as_yaml(objects: Sequence[Object]) -> str:
    """The objects as YAML documents."""
    yaml = YAML()
    yaml.explicit_start = True
    yaml.width = 1_000_000
    yaml.indent(mapping=2, sequence=4, offset=2)
    text = StringIO()
    # A copy without shared parts, which would become aliases.
    yaml.dump_all(json.loads(json.dumps(objects)), text)
    return text.getvalue()
