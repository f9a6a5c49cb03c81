"""Prove that an artifact is served as its model was trained: compare its scores with recorded ones."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from services.classifier.decoding.colour import rgb
from services.classifier.decoding.pixels import decoded_pixels
from services.export.convert import torch_logits
from services.export.diagnosis import Setting, diagnosis
from services.export.difference import Scores, bound, difference
from services.export.errors import Disagreement, ExportError
from services.export.network import Network
from services.export.served_scores import ServedScores
from services.preprocess import Preprocess
from services.reference import Reference

# The images that the cause is looked for with; more would take long.
DIAGNOSED = 12


def require_reference(
    model: str, network: Network, precision: str, served: ServedScores, reference: Reference, source: str
) -> dict[str, Any]:
    """The measured difference, for the receipt. `source` names the reference in messages.

    Raises Disagreement with the likeliest cause if the served scores differ by more than the bound.
    """
    paths = [image.path for image in reference.images]
    expected = _in_order(model, reference, served.labels, source)
    allowed = bound(network.preprocess, precision)
    found = difference(expected, served(paths))
    if found.within(allowed):
        return found.as_dict(allowed)
    # Those that differ most tell most.
    worst = _worst(expected, served(paths))
    outputs = _outputs(network, [paths[number] for number in worst])
    cause = diagnosis(expected[worst], Setting(network.preprocess, (network.scores,)), outputs, allowed)
    raise Disagreement(
        f"{model}: the served scores differ from those in {source} by {found.mean:.3f} on average and"
        f" {found.worst:.3f} for {paths[found.worst_image].name}; {allowed.mean} and {allowed.worst} are allowed."
        f" {f'Likeliest cause: {cause}.' if cause else 'No usual cause explains it.'} Nothing was written."
    )


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


def _worst(expected: Scores, actual: Scores) -> list[int]:
    """The numbers of the images that differ most."""
    by_image = np.abs(expected - actual).max(axis=1)
    return sorted(np.argsort(-by_image)[:DIAGNOSED].tolist())


def _outputs(network: Network, paths: list[Path]) -> Callable[[Preprocess, bool], Scores]:
    """Runs the original network on images prepared in another way."""
    images = [path.read_bytes() for path in paths]

    @lru_cache(maxsize=64)
    def outputs(preprocess: Preprocess, upright: bool) -> Scores:
        read = images if upright else [_without_orientation(image) for image in images]
        changed = Network(network.module, preprocess, network.labels, network.scores)
        return np.stack([torch_logits(changed, decoded_pixels(image, preprocess)) for image in read]).astype(float)

    return outputs


def _without_orientation(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as image:
        stream = io.BytesIO()
        rgb(image).save(stream, "PNG")
    return stream.getvalue()
