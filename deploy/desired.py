"""What should be in the cloud, as the catalog and the code say."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from deploy import images, manifests
from deploy.errors import SettingsError
from deploy.served import must_fit, served
from deploy.settings import Settings
from deploy.steps import placeholder, value_name
from gateway.product.document import openapi_document
from services.catalog import Catalog, Model


@dataclass(frozen=True)
class WantedService:
    """A service, the image it runs, and its manifest, in which the image and the gateway's address are placeholders.

    `account` is the service account it runs as, `caller` the IAM member who may call it, and `needs` are steps without
    which it cannot start.
    """

    name: str
    image: str
    manifest: manifests.Manifest
    account: str
    caller: str
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Desired:
    """The whole: which models the gateway serves, which services are brought up to date, and the documents.

    `document` is the gateway's, with placeholders for the addresses of the services. `whole` says that what is not in
    the catalog should go.
    """

    models: tuple[Model, ...]
    services: tuple[WantedService, ...]
    directory: WantedService
    page: WantedService
    images: Mapping[str, images.Image]
    contents: Mapping[str, str]
    document: str
    served: str
    accounts: Mapping[str, str]
    whole: bool

    @property
    def served_content(self) -> str:
        """The hash of what the directory is given."""
        return hashlib.sha256(self.served.encode()).hexdigest()[:16]


ACCOUNTS = {
    manifests.MODEL_ACCOUNT: "Guichet: runs the models; may do nothing",
    manifests.DIRECTORY_ACCOUNT: "Guichet: runs the directory; may read its document",
    manifests.PAGE_ACCOUNT: "Guichet: runs the page; may read the API key",
    manifests.GATEWAY_ACCOUNT: "Guichet: the gateway calls the services as it",
}


def desired_state(settings: Settings, catalog: Catalog, running: Collection[str] = ()) -> Desired:
    """The state that the settings and the catalog ask for.

    `running` are the names of the services that run now: with a choice of models, the others stay as they are.
    """
    chosen = catalog.select(settings.models) if settings.models else list(catalog)
    for model in catalog:
        if model.service in (settings.directory, settings.page):
            raise SettingsError(f"{catalog.path}: {model.name}: its service would be {model.service}, which is taken.")
    models = tuple(model for model in catalog if model in chosen or model.service in running)
    caller = f"serviceAccount:{settings.account(manifests.GATEWAY_ACCOUNT)}"

    def image_of(name: str) -> str:
        return placeholder(value_name("image", name))

    services = tuple(
        WantedService(
            model.service,
            model.name,
            manifests.model_manifest(model, image_of(model.name), settings),
            manifests.MODEL_ACCOUNT,
            caller,
            (f"account {manifests.GATEWAY_ACCOUNT}",),
        )
        for model in chosen
    )
    directory = WantedService(
        settings.directory,
        "directory",
        manifests.directory_manifest(image_of("directory"), settings),
        manifests.DIRECTORY_ACCOUNT,
        caller,
        (f"account {manifests.GATEWAY_ACCOUNT}", f"secret {settings.document_secret}", "document"),
    )
    page = WantedService(
        settings.page,
        "page",
        manifests.page_manifest(image_of("page"), placeholder("GATEWAY_URL"), placeholder("KEY_NAME"), settings),
        manifests.PAGE_ACCOUNT,
        "allUsers",
        (f"secret {settings.key_secret}", "stored key", "gateway"),
    )
    made = images.wanted_images(settings.models, catalog)
    document = gateway_document(models, settings)
    return Desired(
        models=models,
        services=services,
        directory=directory,
        page=page,
        images=made,
        contents={name: images.content(image, settings.root) for name, image in made.items()},
        document=json.dumps(document, indent=1) + "\n",
        served=must_fit(served(catalog, models, document)),
        accounts=ACCOUNTS,
        whole=not settings.models,
    )


def gateway_document(models: tuple[Model, ...], settings: Settings) -> dict[str, object]:
    """The gateway's document, in which each service's address is a placeholder."""
    # The renderer wants addresses: these are replaced as soon as it has accepted them.
    stand_ins = {
        service: f"https://{service}.invalid" for service in [*(m.service for m in models), settings.directory]
    }
    rendered = openapi_document(
        models, {model.name: stand_ins[model.service] for model in models}, stand_ins[settings.directory]
    )
    text = json.dumps(rendered, ensure_ascii=False)
    for service, stand_in in stand_ins.items():
        text = text.replace(stand_in, placeholder(value_name("address", service)))
    document: dict[str, object] = json.loads(text)
    return document
