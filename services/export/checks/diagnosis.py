"""Find out why served scores differ from recorded ones: change one thing after another, and see what fits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np

from services.artifact import ScoreFunction
from services.classifier.predictions import SCORES
from services.export.checks.difference import Bound, Scores, difference
from services.preprocess import Interpolation, Preprocess

# Means and standard deviations that trainers use, as fields of `preprocess`.
NORMALISATIONS: dict[str, dict[str, Any]] = {
    "ImageNet's": {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225), "scale": None},
    "-1 to 1": {"mean": (0.5,), "std": (0.5,), "scale": None},
    "0 to 1": {"mean": (0.0,), "std": (1.0,), "scale": None},
    "pixels, 0 to 255": {"mean": None, "std": None, "scale": 1.0},
    "EfficientNet-Lite's": {"mean": (127 / 255,), "std": (128 / 255,), "scale": None},
    "CLIP's": {
        "mean": (0.48145466, 0.4578275, 0.40821073),
        "std": (0.26862954, 0.26130258, 0.27577711),
        "scale": None,
    },
    "CIFAR-10's": {"mean": (0.4914, 0.4822, 0.4465), "std": (0.247, 0.2435, 0.2616), "scale": None},
    "MNIST's": {"mean": (0.1307,), "std": (0.3081,), "scale": None},
    "Caffe's": {"mean": (103.939, 116.779, 123.68), "std": (1.0,), "scale": 1.0},
}
# The crop's part of the resized image.
CROPS = (0.875, 0.9, 0.95, 1.0)
# More labels would take too much memory to put in another order.
MOST_LABELS = 2000
# A second change is looked for only if the first removes this part of the difference.
IMPROVES = 0.3


# If the original network gives the recorded scores.
PRECISION = {
    "fp16": "half precision changes them; write `precision: fp32`",
    "int8": "int8 changes them; write `precision: fp16`",
    "fp32": "OpenVINO's conversion changes them; export the network to ONNX and name that file",
}


@dataclass(frozen=True)
class Setting:
    """How scores are computed: `functions` are applied in turn; `order` is the output of each label."""

    preprocess: Preprocess
    functions: tuple[ScoreFunction, ...]
    upright: bool = True
    order: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Change:
    """A setting that may fit better, and the sentence that recommends it."""

    setting: Setting
    advice: str


# The network's outputs [images, labels] for a setting's preprocessing and `upright`.
Outputs = Callable[[Preprocess, bool], Scores]


def diagnosis(expected: Scores, setting: Setting, outputs: Outputs, allowed: Bound, precision: str) -> str:
    """What to change, in one or two steps, so that the scores are nearest to `expected`; may be empty.

    `expected` is [images, labels] in the order of the network's labels. Several things are wrong at times, so the best
    change is kept, and another one tried on top.
    """
    advice: list[str] = []
    now = _distance(expected, setting, outputs)
    if now <= allowed.mean:
        return f"the original network gives the recorded scores: {PRECISION[precision]}"
    before = now
    for _ in range(2):
        best, distance = _best(expected, setting, outputs, allowed)
        if distance > (1 - IMPROVES) * now:
            break
        advice.append(best.advice)
        setting, now = best.setting, distance
        if now <= allowed.mean:
            break
    if not advice:
        return ""
    return f"{'; and '.join(advice)} (the difference is then {now:.3f} instead of {before:.3f})"


def _best(expected: Scores, setting: Setting, outputs: Outputs, allowed: Bound) -> tuple[Change, float]:
    tried = [(change, _distance(expected, change.setting, outputs)) for change in changes(setting)]
    best = min(tried, key=lambda one: one[1])
    # An order of the labels is found for any scores, so it counts only if nothing else fits.
    if best[1] > allowed.mean and (ordered := _reordered(expected, setting, outputs)):
        other = (ordered, _distance(expected, ordered.setting, outputs))
        best = min(best, other, key=lambda one: one[1])
    return best


def changes(setting: Setting) -> Iterator[Change]:
    """Every setting that differs in one thing, without repetition."""
    seen = {_meaning(setting.preprocess)}
    for field, preprocess in _preprocesses(setting.preprocess):
        if _meaning(preprocess) not in seen:
            seen.add(_meaning(preprocess))
            yield Change(replace(setting, preprocess=preprocess), f"{field}: write {_written(preprocess, field)}")
    for function in get_args(ScoreFunction):
        if (function,) != setting.functions:
            yield Change(replace(setting, functions=(function,)), f"scores: write `scores: {function}`")
    yield Change(
        replace(setting, functions=(*setting.functions, "softmax")),
        "softmax twice: your pipeline applies softmax to scores; remove the second one and record again",
    )
    yield Change(
        replace(setting, upright=False),
        "EXIF orientation: your pipeline ignores it, and the service does not; use `ImageOps.exif_transpose`, and"
        " record again",
    )


def _preprocesses(now: Preprocess) -> Iterator[tuple[str, Preprocess]]:
    """The name of what is changed, and the changed preprocessing; only what is possible."""
    height, width = now.height, now.width
    tries: list[tuple[str, dict[str, Any]]] = [("mean and std", fields) for fields in NORMALISATIONS.values()]
    # An image of this size loses nothing, so that a border need not have a colour.
    tries += [("squash instead of crop", {"resize": (height, width), "fit": "exact", "border": None})]
    for part in CROPS:
        sides = (int(height / part), int(width / part))
        tries += [
            ("crop instead of squash" if isinstance(now.resize, tuple) else "resize", {"resize": size, "fit": fit})
            for size, fit in ((min(sides), "exact"), (sides, "cover"))
        ]
    tries += [("border", {"resize": (height, width), "fit": "contain", "border": (0,)})]
    if now.channels != "gray":
        channels = "rgb" if now.channels == "bgr" else "bgr"
        tries += [("channels", {"channels": channels})]
        tries += [
            ("channels", {"channels": channels, "mean": now.mean and now.mean[::-1], "std": now.std and now.std[::-1]})
        ]
    for kind in get_args(Interpolation):
        tries += [("interpolation", {"interpolation": kind, "antialias": True})]
        tries += [("interpolation", {"interpolation": kind, "antialias": False, "decode": "exact"})]
    tries += [("decode", {"decode": "exact"})]
    for name, fields in tries:
        try:
            yield name, replace(now, **fields)
        except ValueError:  # these fields contradict the others
            continue


def _meaning(preprocess: Preprocess) -> Any:
    """Equal for preprocessing with equal pixels."""
    fields = dict(preprocess.as_dict(), mean=preprocess.pixel_mean, std=preprocess.pixel_std)
    fields.pop("scale", None)
    if preprocess.interpolation == "nearest":
        fields.pop("antialias", None)
    return repr(sorted(fields.items()))


WRITTEN = {
    "mean and std": ("mean", "std", "scale"),
    "channels": ("channels", "mean", "std"),
    "interpolation": ("interpolation", "antialias"),
    "decode": ("decode",),
}


def _written(preprocess: Preprocess, name: str) -> str:
    """The fields as the catalog has them."""
    values = {field: getattr(preprocess, field) for field in WRITTEN.get(name, ("resize", "fit", "border"))}
    if values.get("antialias") is True:
        values.pop("antialias")
    if values.get("fit") == "exact":
        values.pop("fit")
    return "`" + ", ".join(f"{name}: {_yaml(value)}" for name, value in values.items() if value is not None) + "`"


def _yaml(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_yaml, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.8g}" if isinstance(value, float) else str(value)


def _reordered(expected: Scores, setting: Setting, outputs: Outputs) -> Change | None:
    """The order of outputs that is nearest to the recorded scores, unless it is the present one."""
    actual = scores(setting, outputs)
    count = expected.shape[1]
    if count > MOST_LABELS:
        return None
    distances = sum(np.abs(one[:, None] - other[None, :]) for one, other in zip(expected, actual, strict=True))
    order, left = [0] * count, np.ones(count, bool)
    # The labels that score highest are the ones that can be told apart.
    for label in np.argsort(-expected.max(axis=0), kind="stable"):
        candidates = np.where(left, distances[label], np.inf)
        nearest = int(label) if candidates[label] <= candidates.min() else int(candidates.argmin())
        order[label], left[nearest] = nearest, False
    moved = [label for label, output in enumerate(order) if label != output]
    if not moved:
        return None
    listed = ", ".join(f"label {label} is that of output {order[label]}" for label in moved[:3])
    more = f", and {len(moved) - 3} more" if len(moved) > 3 else ""
    return Change(
        replace(setting, order=tuple(order)),
        f"the order of the labels: counted from 0, {listed}{more}; correct `labels`",
    )


def scores(setting: Setting, outputs: Outputs) -> Scores:
    """[images, labels] as a setting computes them."""
    result = outputs(setting.preprocess, setting.upright)
    for function in setting.functions:
        result = np.stack([SCORES[function](one) for one in result])
    return result if setting.order is None else result[:, setting.order]


def _distance(expected: Scores, setting: Setting, outputs: Outputs) -> float:
    return difference(expected, scores(setting, outputs)).mean
