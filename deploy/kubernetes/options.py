"""What the manifests depend on besides the catalog."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from deploy.errors import SettingsError
from deploy.settings import service_name
from gateway.api_keys import Key
from services.catalog import Model

Target = Literal["kubernetes", "knative", "kserve"]
Exposure = Literal["httproute", "ingress"]
DNS_NAME = r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?"


@dataclass(frozen=True)
class Options:
    """`target` runs the models; `registry` and `tag` name the images.

    `host` and `page_host` are the public names of the API and of the page, which `exposure` declares: an Ingress of the
    class `entrance`, or an HTTPRoute of the Gateway `entrance` (`NAME` or `NAMESPACE/NAME`). Without a name there is no
    such object.
    """

    target: Target
    registry: str
    keys: tuple[Key, ...]
    tag: str = "latest"
    namespace: str = "guichet"
    exposure: Exposure = "httproute"
    entrance: str = "gateway"
    host: str = ""
    page_host: str = ""

    def __post_init__(self) -> None:
        """Raises SettingsError if a name is invalid, or the page has no key."""
        if self.target not in get_args(Target):
            raise SettingsError(f"--target should be one of {', '.join(get_args(Target))}, not {self.target!r}.")
        if self.exposure not in get_args(Exposure):
            raise SettingsError(f"--expose should be one of {', '.join(get_args(Exposure))}, not {self.exposure!r}.")
        prefix = rf"({DNS_NAME}/)?" if self.exposure == "httproute" else ""
        if not re.fullmatch(prefix + DNS_NAME, self.entrance):
            raise SettingsError(f"--entrance should be the name of a Gateway or of a class, not {self.entrance!r}.")
        names = {"--namespace": self.namespace, "--host": self.host, "--page-host": self.page_host}
        for option, name in names.items():
            if (name or option == "--namespace") and not re.fullmatch(DNS_NAME, name):
                raise SettingsError(f"{option} should be a DNS name in lower case, not {name!r}.")
        if not any(key.enabled for key in self.keys):
            raise SettingsError("--keys should have an enabled key: the page uses the first.")

    @property
    def page_key(self) -> str:
        """The API key of the page."""
        return next(key.key for key in self.keys if key.enabled)

    def image(self, name: str) -> str:
        """The image of a model, `directory` or `page`."""
        return f"{self.registry}/{service_name(name)}:{self.tag}"

    def url(self, service: str) -> str:
        """The root URL of a Service in the cluster."""
        return f"http://{service}.{self.namespace}.svc.cluster.local"

    def model_service(self, model: Model) -> str:
        """The name of a model's Service. KServe may use the name of an InferenceService for Services of its own."""
        return f"{model.service}-pods" if self.target == "kserve" else model.service

    def model_url(self, model: Model) -> str:
        """The root URL of a model in the cluster."""
        return self.url(self.model_service(model))
