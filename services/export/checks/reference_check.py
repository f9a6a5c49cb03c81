"""Prove that an artifact is served as its model was trained: compare its scores with recorded ones."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from services.artifact import Receipt
from services.catalog.reference import Reference
from services.classifier.decoding.colour import rgb
from services.classifier.decoding.pixels import decoded_pixels
from services.export.checks.diagnosis import Setting, diagnosis
from services.export.checks.difference import APPROXIMATE, EXACT, SERVED, Scores, difference, is_approximate
from services.export.checks.served_scores import ServedScores, single_precision_scores
from services.export.convert import torch_logits
from services.export.errors import Disagreement, ExportError
from services.export.sources.network import Network
from services.preprocess import Preprocess

# The images that the cause is looked for with; more would take long.
DIAGNOSED = 12


def require_reference(
    network: Network,
    folder: Path,
    receipt: Receipt,
    reference: Reference,
    source: str,
    step: Callable[[str], None],
) -> dict[str, Any]:
    """The measured differences, for the receipt. `source` names the reference in messages.

    The scores are compared as served, and in single precision, where less may differ. Raises Disagreement with the
    likeliest cause if either differs by more than its bound. `step` is called with the name of a step that can take
    minutes.
    """
    served = ServedScores(folder, receipt)
    paths = [image.path for image in reference.images]
    expected = _in_order(receipt.model, reference, served.labels, source)
    approximate = is_approximate(receipt.preprocess, receipt.precision)
    as_served = EXACT if receipt.precision == "fp32" else SERVED
    compared = {
        "single_precision": (single_precision_scores(folder, receipt, paths), APPROXIMATE if approximate else EXACT),
        "served": (served(paths), APPROXIMATE if approximate else as_served),
    }
    result: dict[str, Any] = {"source": source, "images": len(paths)}
    for name, (actual, allowed) in compared.items():
        found = difference(expected, actual)
        if not found.within(allowed):
            step("looking for the cause of a difference, which can take minutes")
            # The images that differ most tell most.
            worst = np.sort(np.argsort(-np.abs(expected - actual).max(axis=1))[:DIAGNOSED])
            outputs = _outputs(network, [paths[number] for number in worst])
            cause = diagnosis(
                expected[worst], Setting(network.preprocess, (network.scores,)), outputs, allowed, receipt.precision
            )
            raise Disagreement(
                f"{receipt.model}: the {name.replace('_', '-')} scores differ from those in {source} by"
                f" {found.mean:.3f} on average and {found.worst:.3f} for {paths[found.worst_image].name};"
                f" {allowed.mean} and {allowed.worst} are allowed."
                f" {f'Likeliest cause: {cause}.' if cause else 'No usual cause explains it.'} Nothing was written."
            )
        result[name] = found.as_dict(allowed)
    return result


def _in_order(model: str, reference: Reference, labels: tuple[str, ...], source: str) -> Scores:
    """The recorded scores in the order of the model's labels; raises ExportError if they are of other labels."""
    if unknown := sorted(set(reference.labels) ^ set(labels)):
        whose = (
            f"{source} has no scores for" if unknown[0] in labels else f"the model has no label for those of {source},"
        )
        raise ExportError(
            f"{model}: {whose} {unknown[0]!r}{f' and {len(unknown) - 1} others' if unknown[1:] else ''}; the labels of"
            " both must be the same"
        )
    position = {label: number for number, label in enumerate(reference.labels)}
    recorded = np.array([image.scores for image in reference.images])
    return recorded[:, [position[label] for label in labels]]


def _outputs(network: Network, paths: list[Path]) -> Callable[[Preprocess, bool], Scores]:
    """Runs the original network on images prepared in another way."""
    images = [path.read_bytes() for path in paths]

    @lru_cache(maxsize=64)
    def outputs(preprocess: Preprocess, upright: bool) -> Scores:
        read = images if upright else [_without_orientation(image) for image in images]
        changed = replace(network, preprocess=preprocess)
        return np.stack([torch_logits(changed, decoded_pixels(image, preprocess)) for image in read]).astype(float)

    return outputs


def _without_orientation(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as image:
        stream = io.BytesIO()
        rgb(image).save(stream, "PNG")
    return stream.getvalue()
