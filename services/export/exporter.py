"""Export one model: from its catalog entry to its artifact."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from services.artifact import FILES, Receipt, replacing, stored_file, write_receipt
from services.catalog import Catalog, DottedCallable, Model
from services.export.cache_key import CacheKey
from services.export.convert import openvino_model, quantised, save
from services.export.errors import ExportError
from services.export.network import Network, built_network
from services.export.sample_images import SampleImages, generated_images, photos_in
from services.export.scores import require_logits
from services.export.verification import measured_agreement, require_agreement
from services.export.weights import weights_source

MAX_PHOTOS = 200


def export_model(
    catalog: Catalog, model: Model, weights: Path, key: CacheKey, output: Path, step: Callable[[str], None]
) -> Receipt:
    """Write `output/NAME` from the file `weights` and return its receipt; `step` is called with each step's name.

    Raises ExportError, and then leaves an artifact from before unchanged.
    """
    step("building the torch model")
    network = built_network(catalog, model, weights)
    images = _sample_images(key, network)
    if key.precision == "int8" and not (images.photos and images.pixels):
        raise ExportError(f"{model.name}: int8 is calibrated on photos, but {key.calibration} contains none")
    step("converting")
    converted = openvino_model(network, model.name)
    require_logits(model.name, network, converted, images.pixels)
    if key.precision == "int8":
        step(f"quantising with {len(images.pixels)} photos")
        converted = quantised(converted, images.pixels)
    with replacing(output / model.name) as folder:
        save(converted, folder)
        (folder / "labels.txt").write_text("".join(f"{label}\n" for label in network.labels), encoding="utf-8")
        step("comparing with torch")
        agreement = measured_agreement(network, folder / "model.xml", images)
        require_agreement(model.name, key.precision, agreement)
        receipt = Receipt(
            model=model.name,
            title=model.title,
            architecture=_architecture_name(model),
            source=weights_source(model) | {"sha256": stored_file(weights).sha256},
            recipe=key.digest,
            preprocess=network.preprocess,
            precision=key.precision,
            labels=len(network.labels),
            agreement=agreement.as_dict(),
            versions=key.versions,
            files={name: stored_file(folder / name) for name in FILES},
            scores=network.scores,
        )
        write_receipt(folder, receipt)
    return receipt


def _sample_images(key: CacheKey, network: Network) -> SampleImages:
    if key.calibration is None:
        return generated_images(network.preprocess)
    return photos_in(key.calibration, network.preprocess, len(network.labels), MAX_PHOTOS)


def _architecture_name(model: Model) -> str:
    if isinstance(model.architecture, DottedCallable):
        return model.architecture.callable
    return f"torchvision.models.{model.architecture}"
