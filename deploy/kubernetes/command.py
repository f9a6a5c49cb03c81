"""`python -m deploy manifests`: writes the manifests, and runs nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, cast

import typer

from deploy.cli.invocation import Models, errors_as_sentences, tell


def manifests(
    target: Annotated[str, typer.Option(help="What runs the models: kubernetes, knative or kserve.")],
    registry: Annotated[str, typer.Option(help="Where the images are, such as registry.example.com/guichet.")],
    keys: Annotated[
        Path, typer.Option(help='The API keys, as of the local gateway: a YAML list of `{key: …, consumer: "NUMBER"}`.')
    ],
    output: Annotated[Path, typer.Option(help="The folder to write.")],
    models: Models = "",
    tag: Annotated[str, typer.Option(help="The tag of the images.")] = "latest",
    namespace: Annotated[str, typer.Option(help="The namespace, which must exist.")] = "guichet",
    host: Annotated[str, typer.Option(help="The API's public host name. Default: none.")] = "",
    page_host: Annotated[str, typer.Option(help="The page's public host name. Default: none.")] = "",
    expose: Annotated[str, typer.Option(help="How the host names are routed: httproute or ingress.")] = "httproute",
    entrance: Annotated[
        str, typer.Option(help="The Gateway of the HTTPRoutes, [NAMESPACE/]NAME, or the class of the Ingresses.")
    ] = ("gateway"),
) -> None:
    """Write manifests for Kubernetes, Knative or KServe, for `kubectl apply --server-side --kustomize`."""
    with errors_as_sentences():
        from deploy.errors import SettingsError
        from deploy.kubernetes import options as choices
        from deploy.kubernetes.render import as_yaml
        from deploy.kubernetes.render import manifests as rendered
        from gateway.api_keys import KeysError, read_keys
        from services.catalog import catalog_path, load_catalog

        catalog = load_catalog(catalog_path(os.environ))
        names = (models or os.environ.get("MODELS", "")).replace(",", " ").split()
        try:
            options = choices.Options(
                target=cast("choices.Target", target),
                registry=registry,
                keys=read_keys(keys),
                tag=tag,
                namespace=namespace,
                exposure=cast("choices.Exposure", expose),
                entrance=entrance,
                host=host,
                page_host=page_host,
            )
        except KeysError as err:
            raise SettingsError(f"{err}.") from err
        files = rendered(catalog, catalog.select(names) if names else list(catalog), options)
        output.mkdir(parents=True, exist_ok=True)
        for name, objects in files.items():
            path = output / name
            # Two of them contain API keys.
            path.touch(0o600)
            path.write_text(as_yaml(objects), encoding="utf-8")
    tell(f"Wrote {len(files)} files. Apply them: kubectl apply --server-side --kustomize {output}")
