"""The desired state: what the catalog and the code say should be deployed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from deploy.errors import SettingsError
from deploy.plan import cloud_run_manifests, container_images
from deploy.plan.reference_scores import ReferenceScores, reference_scores
from deploy.plan.steps import placeholder, value_name
from deploy.settings import DeploySettings, service_name
from gateway.product.openapi_document import openapi_document, public_document
from services.catalog import Catalog, Model
from services.published_document import compressed, published_text

SECRET_BYTES = 65536
# Stands for the dollar sign of a title until the document is written, so that no title is taken for a placeholder.
DOLLAR = "\ue000"
ACCOUNTS = {
    cloud_run_manifests.MODEL_ACCOUNT: "Guichet: runs the models; has no permissions",
    cloud_run_manifests.DIRECTORY_ACCOUNT: "Guichet: runs the directory; may read its document",
    cloud_run_manifests.PAGE_ACCOUNT: "Guichet: runs the page; may read the API key",
    cloud_run_manifests.GATEWAY_ACCOUNT: "Guichet: the gateway calls the services as this account",
}


@dataclass(frozen=True)
class DesiredService:
    """A service, the image it runs, and its manifest, with placeholders for the image and the gateway's URL.

    It runs as the service account `account`; the IAM member `caller` may call it, if any; `needs` are the steps without
    which it cannot start.
    """

    name: str
    image: str
    manifest: cloud_run_manifests.Manifest
    account: str
    caller: str
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class DesiredState:
    """Everything that should be deployed.

    `models` are behind the gateway, `services` are brought up to date. `document` is the gateway's, with placeholders
    for the services' URLs; `published` is the document of the directory, `published_content` its hash. If `whole`,
    services of models that are not in the catalog are removed. The services in `left_out` failed in this run, and keep
    the revision that they have, if any. `references` are the scores that the brought up models must return.
    """

    models: tuple[Model, ...]
    services: tuple[DesiredService, ...]
    directory: DesiredService
    page: DesiredService | None
    images: Mapping[str, container_images.ContainerImage]
    contents: Mapping[str, str]
    document: str
    published: str
    published_content: str
    whole: bool
    left_out: frozenset[str] = frozenset()
    references: tuple[ReferenceScores, ...] = ()


def desired_state(
    settings: DeploySettings,
    catalog: Catalog,
    running: Collection[str] = (),
    *,
    left_out: frozenset[str] = frozenset(),
    number: str = "",
) -> DesiredState:
    """The state that the settings and the catalog ask for; `number` is the project's.

    Models that are not selected, or left out, stay behind the gateway as they are if they are among the services
    `running`.
    """
    selected = catalog.select(settings.models) if settings.models else list(catalog)
    selected = [model for model in selected if model.service not in left_out]
    models = tuple(model for model in catalog if model in selected or model.service in running)
    caller = f"serviceAccount:{settings.account(cloud_run_manifests.GATEWAY_ACCOUNT)}"
    caller_exists = f"account {cloud_run_manifests.GATEWAY_ACCOUNT}"

    def image_of(name: str) -> str:
        return placeholder(value_name("image", name))

    services = tuple(
        DesiredService(
            model.service,
            model.name,
            cloud_run_manifests.model_manifest(model, image_of(model.name), settings),
            cloud_run_manifests.MODEL_ACCOUNT,
            caller,
            (caller_exists,),
        )
        for model in selected
    )
    directory = DesiredService(
        settings.directory,
        "directory",
        cloud_run_manifests.directory_manifest(image_of("directory"), settings),
        cloud_run_manifests.DIRECTORY_ACCOUNT,
        caller,
        (caller_exists, f"secret {settings.document_secret}", "document"),
    )
    page = DesiredService(
        settings.page,
        "page",
        cloud_run_manifests.page_manifest(
            image_of("page"),
            placeholder("GATEWAY_URL"),
            placeholder("KEY_NAME"),
            settings,
            samples=any(model.knows_samples for model in models),
        ),
        cloud_run_manifests.PAGE_ACCOUNT,
        f"serviceAccount:service-{number}@gcp-sa-iap.iam.gserviceaccount.com" if settings.page_access == "iap" else "",
        (f"secret {settings.key_secret}", "stored key", "gateway"),
    )
    images = {
        name: image
        for name, image in container_images.images_to_build(settings.models, catalog).items()
        if service_name(name) not in left_out
    }
    document = gateway_document(models, settings)
    published = published_text(public_document(document), listing(catalog, models)).replace(DOLLAR, "$")
    return DesiredState(
        models=models,
        services=services,
        directory=directory,
        page=None if page.name in left_out else page,
        images=images,
        contents={name: container_images.content_hash(image, settings.root) for name, image in images.items()},
        document=json.dumps(document, indent=1).replace("\\ue000", "\\u0024") + "\n",
        published=secret_text(published),
        # Of the text before compression: zlib's versions compress differently.
        published_content=hashlib.sha256(published.encode()).hexdigest()[:16],
        whole=not settings.models,
        left_out=left_out,
        references=reference_scores(catalog, selected),
    )


def gateway_document(models: Iterable[Model], settings: DeploySettings) -> dict[str, Any]:
    """The gateway's document, with placeholders for the services' URLs."""

    def url(service: str) -> str:
        return placeholder(value_name("address", service))

    models = [model.model_copy(update={"title": model.title.replace("$", DOLLAR)}) for model in models]
    # The document requires URLs with a scheme, which the placeholders' values bring along.
    urls = {model.name: f"https://{url(model.service)}" for model in models}
    text = json.dumps(openapi_document(models, urls, f"https://{url(settings.directory)}"), ensure_ascii=False)
    document: dict[str, Any] = json.loads(text.replace("https://${", "${"))
    return document


def listing(catalog: Catalog, models: Iterable[Model]) -> list[dict[str, Any]]:
    """The entries of `GET /v1/models`."""
    return [
        {
            "name": model.name,
            "title": model.title,
            # If the preprocessing comes with the weights, only torchvision knows the input; the model's card has it.
            "input": None
            if isinstance(model.preprocess, str)
            else {"width": model.preprocess.width, "height": model.preprocess.height},
            "labels": catalog.label_count(model),
            "scores": catalog.scores(model),
            "precision": model.precision,
            "deadline": model.deadline,
            "card": model.route,
            "ready": f"{model.route}/ready",
            "predict": f"{model.route}/predict",
        }
        for model in models
    ]


def secret_text(published: str) -> str:
    """The published document, compressed; raises SettingsError if it does not fit into a secret."""
    text = compressed(published)
    if len(text) > SECRET_BYTES:
        raise SettingsError(
            f"The list of models takes {len(text):,} bytes, and a secret holds {SECRET_BYTES:,}: split the catalog"
            " between two projects."
        )
    return text
