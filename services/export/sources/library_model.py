"""Load an image classifier from a folder that timm or transformers has saved."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from services.catalog import Model
from services.catalog.model_folder import INDEX, WEIGHTS, FolderConfig
from services.export.errors import NetworkError, first_line
from services.export.sources.library_preprocessing import (
    PROCESSOR_FIELDS,
    Unsupported,
    timm_preprocess,
    transformers_preprocess,
)
from services.export.sources.state_dict import load_state_dict
from services.export.sources.torchvision_weights import imagenet_labels
from services.preprocess import Preprocess


@dataclass(frozen=True)
class LibraryModel:
    """The network, and what its folder says of images and outputs; `labels` is None without names.

    `transform` is the library's own: an image -> the network's input, float32 [channels, height, width].
    """

    module: torch.nn.Module
    labels: tuple[str, ...] | None
    processor: Mapping[str, Any]
    library: str
    transform: Callable[[Image.Image], torch.Tensor]

    def preprocess(self, model: str) -> Preprocess:
        """How the folder says that images are prepared; raises NetworkError."""
        try:
            return (timm_preprocess if self.library == "timm" else transformers_preprocess)(self.processor)
        except Unsupported as err:
            raise NetworkError(
                f"{model}: the folder's preprocessing {err}; write out `preprocess` in the entry"
            ) from err


def library_model(model: Model, folder: Path, config: FolderConfig) -> LibraryModel:
    """The model in evaluation mode, from safetensors alone; raises NetworkError."""
    try:
        # Both libraries print and log about what they load.
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            return _timm(model, folder) if config.library == "timm" else _transformers(model, folder)
    except NetworkError:
        raise
    except Exception as err:  # the libraries raise many kinds of errors for a folder that does not fit them
        raise NetworkError(
            f"{model.name}: {config.library} cannot load {config.architecture}: {first_line(err)}"
        ) from err


def _timm(model: Model, folder: Path) -> LibraryModel:
    import timm
    from timm.data import create_transform, resolve_model_data_config

    if (folder / INDEX).is_file():
        raise NetworkError(f"{model.name}: the weights are in several files; save them as one {WEIGHTS}")
    module = timm.create_model(f"local-dir:{folder}", pretrained=False)
    load_state_dict(model, module, folder / WEIGHTS)
    config = resolve_model_data_config(module)
    transform = create_transform(**config, is_training=False)
    return LibraryModel(module.eval(), _timm_labels(module), config, "timm", transform)


def _timm_labels(module: Any) -> tuple[str, ...] | None:
    """The folder's label names, in words where it has them; else ImageNet's, by the number of outputs."""
    from timm.data import ImageNetInfo, infer_imagenet_subset

    config, outputs = module.pretrained_cfg, module.num_classes
    names, words = config.get("label_names"), config.get("label_descriptions") or {}
    if isinstance(names, Mapping):
        names = [names.get(str(number), names.get(number)) for number in range(outputs)]
    if names and len(names) == outputs and None not in names:
        return tuple(str(words.get(name, name)) for name in names)
    subset = infer_imagenet_subset(module)
    if subset is None:
        return None
    if outputs == len(imagenet_labels()):
        return imagenet_labels()
    return tuple(ImageNetInfo(subset).index_to_description(number) for number in range(outputs))


def _transformers(model: Model, folder: Path) -> LibraryModel:
    import transformers

    # Else it warns about what is checked here, and shows progress bars.
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    options = {"local_files_only": True, "trust_remote_code": False}
    module, report = transformers.AutoModelForImageClassification.from_pretrained(
        folder, use_safetensors=True, dtype=torch.float32, output_loading_info=True, **options
    )
    if missing := sorted(report["missing_keys"]):
        raise NetworkError(
            f"{model.name}: the weights do not contain {missing[0]}, which the classifier needs: it may be a network"
            " that was not trained to classify"
        )
    processor = transformers.AutoImageProcessor.from_pretrained(folder, **options)
    config = module.config
    labels = tuple(str(config.id2label[number]) for number in range(config.num_labels))
    # Their default names, LABEL_0 and so on, are kept: the network has no others.
    fields = {name: getattr(processor, name, None) for name in PROCESSOR_FIELDS} | {"kind": type(processor).__name__}
    sizes = {name: value for name, value in processor.to_dict().items() if name in ("size", "crop_size")}

    def transform(image: Image.Image) -> torch.Tensor:
        prepared: torch.Tensor = processor(image, return_tensors="pt")["pixel_values"][0]
        return prepared

    return LibraryModel(module.eval(), labels, fields | sizes, "transformers", transform)
