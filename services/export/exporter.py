"""One model from its catalog entry to its artifact."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from services.artifact import FILES, Receipt, replacing, stored_file, write_receipt
from services.catalog import Catalog, DottedCallable, LocalFile, Model, PackageFile, RemoteFile
from services.export import convert, verification
from services.export.cache_key import Recipe
from services.export.errors import ExportError
from services.export.network import Network, built_network
from services.export.sample_images import Pictures, generated, photos_in
from services.export.weights import torchvision_url

CALIBRATION_PHOTOS = 200


def exported(
    catalog: Catalog, model: Model, weights: Path, recipe: Recipe, output: Path, step: Callable[[str], None]
) -> Receipt:
    """Write `output/NAME` from the file `weights` and return its receipt; `step` hears what is being done.

    Raises ExportError, and then leaves what was there before.
    """
    step("building the torch model")
    network = built_network(catalog, model, weights)
    pictures = _pictures(recipe, network)
    if recipe.precision == "int8" and not (pictures.photos and pictures.pixels):
        raise ExportError(f"{model.name}: int8 takes its ranges from photos, and {recipe.calibration} has none")
    step("converting")
    converted = convert.openvino_model(network, model.name)
    if recipe.precision == "int8":
        step(f"quantising with {len(pictures.pixels)} photos")
        converted = convert.quantised(converted, pictures.pixels)
    with replacing(output / model.name) as folder:
        convert.save(converted, folder)
        (folder / "labels.txt").write_text("".join(f"{label}\n" for label in network.labels), encoding="utf-8")
        step("comparing with torch")
        measured = verification.measured_agreement(network, folder / "model.xml", pictures)
        verification.require_agreement(model.name, recipe.precision, measured)
        receipt = Receipt(
            model=model.name,
            title=model.title,
            architecture=_architecture(model),
            source=_source(model, stored_file(weights).sha256),
            recipe=recipe.digest,
            preprocess=network.preprocess,
            precision=recipe.precision,
            labels=len(network.labels),
            agreement=measured.as_dict(),
            versions=recipe.versions,
            files={name: stored_file(folder / name) for name in FILES},
        )
        write_receipt(folder, receipt)
    return receipt


def _pictures(recipe: Recipe, network: Network) -> Pictures:
    if recipe.calibration is None:
        return generated(network.preprocess)
    return photos_in(recipe.calibration, network.preprocess, len(network.labels), CALIBRATION_PHOTOS)


def _architecture(model: Model) -> str:
    if isinstance(model.architecture, DottedCallable):
        return model.architecture.callable
    return f"torchvision.models.{model.architecture}"


def _source(model: Model, sha256: str) -> dict[str, str]:
    """Where the weights came from, for the receipt."""
    match model.weights:
        case PackageFile(package=package, file=file):
            place = {"package": package, "file": file}
        case RemoteFile(url=url):
            place = {"url": url}
        case LocalFile(file=file):
            place = {"file": file}
        case name:
            place = {"torchvision": str(name), "url": torchvision_url(model)}
    return place | {"sha256": sha256}
