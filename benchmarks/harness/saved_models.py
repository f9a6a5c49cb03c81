"""Image classifiers with random weights, saved by their own libraries into the folders that the Hub holds.

The libraries, which are slow to import, are imported where they are used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

LABELS = ("ant", "bee", "cat", "dog")
Prepare = Callable[[nn.Module], object]

# Families of timm, each by its smallest model.
TIMM = (
    "convnext_atto",
    "densenet121",
    "edgenext_xx_small",
    "efficientnet_lite0",
    "fastvit_t8",
    "ghostnet_100",
    "levit_128s",
    "mobilenetv3_small_050",
    "mobilevit_xxs",
    "poolformerv2_s12",
    "regnetx_002",
    "repvgg_a0",
    "resmlp_12_224",
    "resnet10t",
    "vit_tiny_patch16_224",
)
TRANSFORMERS = (
    *("bit", "convnext", "dinov2", "efficientnet", "levit", "mobilenet_v1", "mobilenet_v2", "mobilevit"),
    *("regnet", "resnet", "vit"),
)
# Compared by the benchmark alone, not by the tests.
MORE_OF_TRANSFORMERS = ("deit", "pvt_v2", "swin")
MORE_OF_TIMM = (
    "caformer_s18",
    "efficientformerv2_s0",
    "hardcorenas_a",
    "pit_ti_224",
    "rexnet_100",
    "tiny_vit_5m_224",
)


def unchanged(module: nn.Module) -> None:
    """The default of `prepare`."""


def save_timm(
    name: str, folder: Path, labels: Sequence[str] = LABELS, prepare: Prepare = unchanged, **config: Any
) -> nn.Module:
    """Save the model into a folder; `prepare` is called before."""
    import timm

    torch.manual_seed(0)
    module: nn.Module = timm.create_model(name, num_classes=len(labels))
    prepare(module)
    config = {"label_names": list(labels)} | config
    timm.models.save_for_hf(module, str(folder), model_config=config, safe_serialization=True)
    return module.eval()


def transformers_models(labels: Sequence[str] = LABELS) -> dict[str, tuple[type, Any, Any]]:
    """The class, the configuration and the image processor of small models of several families."""
    import transformers

    t: Any = transformers
    names = dict(enumerate(labels))
    small = {"depths": [1, 1, 1, 1], "hidden_sizes": [8, 16, 32, 64], "id2label": names}
    vit = {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "id2label": names,
    }
    half = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    return {
        "bit": (
            t.BitForImageClassification,
            t.BitConfig(**small, embedding_size=8, num_groups=4),
            t.BitImageProcessor(),
        ),
        "convnext": (
            t.ConvNextForImageClassification,
            t.ConvNextConfig(**small),
            t.ConvNextImageProcessor(size={"shortest_edge": 224}),
        ),
        "deit": (t.DeiTForImageClassification, t.DeiTConfig(**vit), t.DeiTImageProcessor()),
        "dinov2": (t.Dinov2ForImageClassification, t.Dinov2Config(**vit, image_size=224), t.BitImageProcessor(**half)),
        "pvt_v2": (
            t.PvtV2ForImageClassification,
            t.PvtV2Config(hidden_sizes=[16, 32, 40, 64], depths=[1, 1, 1, 1], id2label=names),
            t.PvtImageProcessor(),
        ),
        "efficientnet": (
            t.EfficientNetForImageClassification,
            t.EfficientNetConfig(
                image_size=64, width_coefficient=1.0, depth_coefficient=1.0, hidden_dim=1280, id2label=names
            ),
            t.EfficientNetImageProcessor(size={"height": 64, "width": 64}),
        ),
        "levit": (
            t.LevitForImageClassification,
            t.LevitConfig(hidden_sizes=[16, 24, 32], depths=[1, 1, 1], num_attention_heads=[1, 2, 2], id2label=names),
            t.LevitImageProcessor(),
        ),
        "mobilenet_v1": (
            t.MobileNetV1ForImageClassification,
            t.MobileNetV1Config(depth_multiplier=0.25, id2label=names),
            t.MobileNetV1ImageProcessor(),
        ),
        "mobilenet_v2": (
            t.MobileNetV2ForImageClassification,
            t.MobileNetV2Config(depth_multiplier=0.35, id2label=names),
            t.MobileNetV2ImageProcessor(),
        ),
        "mobilevit": (
            t.MobileViTForImageClassification,
            t.MobileViTConfig(hidden_sizes=[16, 24, 32], neck_hidden_sizes=[8, 8, 16, 16, 24, 32, 64], id2label=names),
            t.MobileViTImageProcessor(),
        ),
        "regnet": (
            t.RegNetForImageClassification,
            t.RegNetConfig(**small, embedding_size=8, groups_width=4),
            t.ConvNextImageProcessor(size={"shortest_edge": 224}),
        ),
        "resnet": (
            t.ResNetForImageClassification,
            t.ResNetConfig(**small, embedding_size=8, layer_type="basic"),
            t.ConvNextImageProcessor(size={"shortest_edge": 224}, crop_pct=0.875),
        ),
        "swin": (
            t.SwinForImageClassification,
            t.SwinConfig(embed_dim=16, depths=[1, 1, 1, 1], num_heads=[1, 2, 4, 8], id2label=names),
            t.ViTImageProcessor(image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225]),
        ),
        "vit": (t.ViTForImageClassification, t.ViTConfig(**vit), t.ViTImageProcessor()),
    }


def save_transformers(
    name: str, folder: Path, labels: Sequence[str] = LABELS, prepare: Prepare = unchanged, **changes: Any
) -> Any:
    """Save the model into a folder, with `changes` of its configuration; `prepare` is called before."""
    torch.manual_seed(0)
    kind, config, processor = transformers_models(labels)[name]
    config.update(changes)
    module = kind(config)
    prepare(module)
    module.save_pretrained(folder)
    processor.save_pretrained(folder)
    return module.eval()
