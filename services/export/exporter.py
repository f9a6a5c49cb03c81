"""Export one model: from its catalog entry to its artifact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import openvino as ov

from services.artifact import FILES, Receipt, stored_file, write_receipt
from services.catalog import CARD_FIELDS, Catalog, Model
from services.catalog.entry import DottedCallable, TimmModel
from services.export.cache_key import CacheKey
from services.export.checks.evaluation_check import measured_evaluation, with_temperature
from services.export.checks.library_reference import compared_with_library
from services.export.checks.reference_check import require_reference
from services.export.checks.sample_images import SampleImages, generated_images, photos_in
from services.export.checks.served_scores import ServedScores
from services.export.checks.verification import measured_agreement, require_agreement
from services.export.convert import openvino_model, quantised, save
from services.export.errors import ExportError
from services.export.replacement import replacing
from services.export.requirements import library
from services.export.scores import require_logits
from services.export.sources.network import Network, built_network
from services.export.sources.weights import weights_source

MAX_PHOTOS = 200


def export_model(
    catalog: Catalog,
    model: Model,
    weights: Path,
    key: CacheKey,
    output: Path,
    step: Callable[[str], None],
    note: Callable[[str], None],
) -> Receipt:
    """Write `output/NAME` from the file `weights` and return its receipt.

    `step` is called with each step's name, `note` with what the person who exports should know.

    Raises ExportError, and then leaves an artifact from before unchanged.
    """
    step("building the torch model")
    network = built_network(catalog, model, weights)
    used = library(catalog, model, weights)
    if network.note:
        note(network.note)
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
        save(converted, folder, key.precision)
        (folder / "labels.txt").write_text("".join(f"{label}\n" for label in network.labels), encoding="utf-8")
        step("comparing with torch")
        agreement = measured_agreement(network, folder / "model.xml", images, key.precision)
        require_agreement(model.name, key.precision, agreement)
        receipt = Receipt(
            model=model.name,
            title=model.title,
            architecture=_architecture_name(catalog, model),
            source=weights_source(model, weights),
            recipe=key.digest,
            preprocess=network.preprocess,
            precision=key.precision,
            labels=len(network.labels),
            agreement=agreement.as_dict(),
            versions=key.versions | ({used: version(used)} if used else {}),
            files={},
            scores=network.scores,
            about={name: text for name in CARD_FIELDS if (text := getattr(model, name))},
        )
        if model.reference or model.evaluation or network.transform:
            receipt = _proved(catalog, model, network, converted, folder, receipt, step)
        receipt = replace(receipt, files={name: stored_file(folder / name) for name in FILES})
        write_receipt(folder, receipt)
    return receipt


def _proved(
    catalog: Catalog,
    model: Model,
    network: Network,
    converted: ov.Model,
    folder: Path,
    receipt: Receipt,
    step: Callable[[str], None],
) -> Receipt:
    """The receipt with what was measured through the serving path; calibrates the artifact if the entry says so."""
    if reference := catalog.reference(model):
        step("comparing with the reference")
        found = require_reference(network, folder, receipt, reference, str(model.reference), step)
        receipt = replace(receipt, reference=found)
    elif network.transform:
        library = catalog.config(model).library
        step(f"comparing with {library}")
        found = compared_with_library(network, network.transform, folder, receipt, library, step)
        receipt = replace(receipt, reference=found)
    if model.evaluation:
        step("evaluating")
        images = catalog.evaluation_images(model)
        served = ServedScores(folder, receipt)
        result = measured_evaluation(model.name, model.evaluation, served, images, network.scores)
        receipt = replace(receipt, evaluation=result)
        if model.evaluation.calibrate:
            save(with_temperature(converted, result["temperature"]), folder, receipt.precision)
    return receipt


def _sample_images(key: CacheKey, network: Network) -> SampleImages:
    if key.calibration is None:
        return generated_images(network.preprocess)
    return photos_in(key.calibration, network.preprocess, len(network.labels), MAX_PHOTOS)


def _architecture_name(catalog: Catalog, model: Model) -> str:
    if isinstance(model.architecture, DottedCallable):
        return model.architecture.callable
    if isinstance(model.architecture, TimmModel):
        return f"timm.{model.architecture.timm}"
    if model.has_folder:
        config = catalog.config(model)
        return f"{config.library}.{config.architecture}"
    if model.architecture is None:
        return "in the weights file"
    return f"torchvision.models.{model.architecture}"
