"""Envoy, configured as in the manifests for Kubernetes, in front of services on this machine."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.harness.process import end_process, free_port, responds, wait_for
from deploy.kubernetes.gateway import DIRECTORY, gateway_bootstrap, gateway_document
from deploy.kubernetes.options import Options
from deploy.plan.desired_state import listing
from gateway.api_keys import Key
from gateway.envoy.envoy_process import envoy_binary
from gateway.origin import origin
from gateway.product.openapi_document import public_document
from gateway.runtime import AddressPrefix, Target
from services.catalog import load_catalog
from services.published_document import published_text
from tests.running import Service, StartService


@contextlib.contextmanager
def rendered_gateway(
    services: Mapping[str, Service], start_service: StartService, key: str, folder: Path
) -> Iterator[str]:
    """The URL of Envoy, which sends requests to `services`, by model, and to a directory that it starts."""
    options = Options("kubernetes", "registry.example.com/guichet", (Key(key, "1111"),))
    catalog = load_catalog()
    models = catalog.select(list(services))
    document = gateway_document(models, options)
    published = folder / "openapi.json"
    published.write_text(published_text(public_document(document), listing(catalog, models)), encoding="utf-8")
    directory = start_service("services.directory", GUICHET_DOCUMENT=str(published), MODEL_DIR="")
    urls = {options.model_url(model): services[model.name].url for model in models}
    urls[options.url(DIRECTORY)] = directory.url
    overrides = {AddressPrefix(origin(url)): Target(origin(local)) for url, local in urls.items()}
    port = free_port()
    config = folder / "envoy.json"
    config.write_text(
        gateway_bootstrap(document, options, address="127.0.0.1", port=port, backend_overrides=overrides),
        encoding="utf-8",
    )
    log = folder / "log"
    with log.open("w") as output:
        command = [str(envoy_binary()), "--config-path", str(config), "--disable-hot-restart", "--concurrency", "2"]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, text=True
        )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(lambda: process.poll() is not None or responds(f"{url}/v1/openapi.json"), 15, "Envoy to be ready")
        assert process.poll() is None, log.read_text()
        yield url
    finally:
        end_process(process)
