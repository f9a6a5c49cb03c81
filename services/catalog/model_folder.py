"""The folder of an image classifier, as timm and transformers write it: what its JSON says. Imports no library.

config.json               the architecture and the labels
preprocessor_config.json  how images are prepared (transformers; timm's config.json says it)
model.safetensors         the weights, possibly in several files that model.safetensors.index.json lists
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from services.artifact import ScoreFunction

CONFIG = "config.json"
PROCESSORS = ("preprocessor_config.json", "processor_config.json")
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
ADAPTER = "adapter_config.json"
SAVED_MODEL = (
    "a TensorFlow SavedModel: export it: pip install tf2onnx;"
    " python -m tf2onnx.convert --saved-model FOLDER --output model.onnx"
)
CORE_ML = "a Core ML model: use the weights that it was converted from"
PICKLES = (".bin", ".ckpt", ".pkl", ".pt", ".pth")


class FolderError(Exception):
    """The folder is not an image classifier that the export reads; the message says why, and what to do."""


@dataclass(frozen=True)
class FolderConfig:
    """config.json, as far as it is needed before the library is there."""

    library: Literal["timm", "transformers"]
    architecture: str
    label_count: int
    scores: ScoreFunction


def read_config(path: Path) -> FolderConfig:
    """What `path`, a config.json, says; raises FolderError."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as err:
        raise FolderError(f"{path.name} is missing: it should be a folder that timm or transformers has saved") from err
    except ValueError as err:
        raise FolderError(f"{path.name} is not JSON: copy or download it again") from err
    if not isinstance(config, dict):
        raise FolderError(f"{path.name} is not a JSON object: copy or download it again")
    if "architecture" in config:
        # Older files have all fields on the first level.
        count = config.get("num_classes") or config.get("pretrained_cfg", {}).get("num_classes")
        return FolderConfig("timm", str(config["architecture"]), _counted(path, count), "softmax")
    if "auto_map" in config:
        raise FolderError(
            "its architecture is Python code in the folder, which would run when loaded: use a `callable`"
        )
    classes = config.get("architectures") or []
    if "model_type" not in config or not classes:
        raise FolderError(
            f"{path.name} names no architecture of timm or transformers: save the model with save_pretrained, or"
            " timm.models.save_for_hf"
        )
    if not str(classes[0]).endswith(("ForImageClassification", "ForImageClassificationWithTeacher")):
        raise FolderError(
            f"{classes[0]} is not an image classifier: take a model whose class ends in ForImageClassification"
        )
    # transformers writes no labels for two outputs without names.
    count = _counted(path, len(config.get("id2label") or (0, 1)))
    return FolderConfig("transformers", str(classes[0]), count, _scores(config.get("problem_type"), count))


def _scores(problem: str | None, labels: int) -> ScoreFunction:
    """As transformers' own pipeline chooses it."""
    if problem == "regression":
        return "none"
    return "sigmoid" if problem == "multi_label_classification" or labels == 1 else "softmax"


def _counted(path: Path, count: Any) -> int:
    if not isinstance(count, int) or count < 1:
        raise FolderError(f"{path.name} says that the network has {count or 'no'} outputs: it is not a classifier")
    return count


def needed_files(names: Collection[str]) -> list[str]:
    """The files to read out of a folder with these names; raises FolderError if weights are missing or only pickled."""
    weights = sorted(
        name for name in names if name == WEIGHTS or (name.startswith("model-") and name.endswith(WEIGHTS[5:]))
    )
    if not weights:
        if pickles := sorted(name for name in names if name.endswith(PICKLES)):
            raise FolderError(
                f"its weights are a pickle ({pickles[0]}), which could run code when loaded: save them as safetensors,"
                " with model.save_pretrained(FOLDER, safe_serialization=True) in transformers, or"
                " timm.models.save_for_hf(model, FOLDER, safe_serialization=True)"
            )
        if "saved_model.pb" in names:
            raise FolderError(f"it is {SAVED_MODEL}")
        if ADAPTER in names:
            raise FolderError(
                "it is an adapter (LoRA) without its model: merge them, with"
                " model.merge_and_unload().save_pretrained(FOLDER)"
            )
        raise FolderError(f"it has no {WEIGHTS}: save the model with save_pretrained, or timm.models.save_for_hf")
    return [name for name in (CONFIG, *PROCESSORS, INDEX) if name in names] + weights


def folder_files(folder: Path) -> list[Path]:
    """The files to read out of a local folder; raises FolderError."""
    if not folder.is_dir():
        raise FolderError("it does not exist" if not folder.exists() else "it is a file: name it as `file`")
    if folder.suffix == ".mlpackage":
        raise FolderError(f"it is {CORE_ML}")
    return [folder / name for name in needed_files({path.name for path in folder.iterdir()})]
