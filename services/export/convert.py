"""Convert a torch network to an OpenVINO model that takes pixels."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from pathlib import Path

import numpy as np
import openvino as ov
import torch
from openvino.preprocess import PrePostProcessor

from services.classifier.decoding.resize import Pixels
from services.classifier.engine import Logits
from services.export.errors import NetworkError, first_line
from services.export.pooling import convertible_pools
from services.export.sources.network import Network
from services.export.sources.onnx_model import OnnxModule
from services.preprocess import Preprocess


def openvino_model(network: Network, name: str) -> ov.Model:
    """uint8 [1, height, width, channels], RGB or gray -> logits, with the normalisation in the graph.

    All names are derived from the graph, so that the same network always gives the same file. Raises NetworkError.
    """
    shape = network.preprocess.input_shape
    with warnings.catch_warnings():
        # Tracing warns about constants that depend on the input's size, which is fixed here.
        warnings.simplefilter("ignore")
        try:
            if isinstance(network.module, OnnxModule):
                model = network.module.converted(shape)
            else:
                model = _converted(network.module, torch.zeros(shape))
        except Exception as err:  # OpenVINO raises many kinds of errors
            raise NetworkError(
                f"{name}: OpenVINO cannot convert the network ({_reason(err)}); export it with torch.onnx.export, and"
                " name the ONNX file as its weights"
            ) from err
    channels_last = isinstance(network.module, OnnxModule) and network.module.channels_last
    model = _with_pixel_input(model, network.preprocess, "NHWC" if channels_last else "NCHW")
    model.set_friendly_name(name)
    for number, operation in enumerate(model.get_ordered_ops()):
        operation.set_friendly_name(f"{operation.get_type_name()}_{number}")
    return model


def _converted(module: torch.nn.Module, example: torch.Tensor) -> ov.Model:
    """From a trace; or, if OpenVINO cannot convert that, from the operations that torch.export finds."""
    with convertible_pools(module, example):
        try:
            return ov.convert_model(module, example_input=example, input=list(example.shape))
        except Exception:  # OpenVINO raises many kinds of errors
            # If this fails too, the error of the trace is the clearer one.
            with contextlib.suppress(Exception):
                return ov.convert_model(torch.export.export(module, (example,)))
            raise


def _reason(error: Exception) -> str:
    """OpenVINO lists what it could not convert after the first lines."""
    lines = [line.removeprefix("-- ").strip() for line in str(error).splitlines() if line.startswith("-- ")]
    return lines[0] if lines else first_line(error)


def _with_pixel_input(model: ov.Model, preprocess: Preprocess, layout: str) -> ov.Model:
    steps = PrePostProcessor(model)
    steps.input().tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    steps.input().model().set_layout(ov.Layout(layout))
    graph = steps.input().preprocess().convert_element_type(ov.Type.f32)
    if preprocess.channels == "bgr":
        graph.reverse_channels()
    graph.mean(preprocess.pixel_mean).scale(preprocess.pixel_std)
    return steps.build()


def quantised(model: ov.Model, photos: list[Pixels]) -> ov.Model:
    """The model with int8 weights and activations, calibrated on `photos`, uint8 [height, width, channels]."""
    # It warns about CUDA, which is not used.
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
    import nncf  # slow to import, and needed for int8 only

    # Its progress output would mix with the export's own.
    nncf.set_log_level(logging.ERROR)
    batches = nncf.Dataset([pixels[np.newaxis] for pixels in photos])
    with contextlib.redirect_stdout(io.StringIO()):
        return nncf.quantize(model, batches, subset_size=len(photos))


def save(model: ov.Model, folder: Path, precision: str = "fp16") -> None:
    """Write model.xml and model.bin, with weights in half precision unless `precision` is fp32."""
    ov.save_model(model, folder / "model.xml", compress_to_fp16=precision != "fp32")


def torch_logits(network: Network, pixels: Pixels) -> Logits:
    """float32 [labels] from torch, for uint8 [height, width, channels], RGB or gray."""
    preprocess = network.preprocess
    mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (preprocess.pixel_mean, preprocess.pixel_std))
    image = torch.from_numpy(pixels.copy()).permute(2, 0, 1).float()
    if preprocess.channels == "bgr":
        image = image.flip(0)
    with torch.inference_mode():
        logits: Logits = network.module(((image - mean) / std).unsqueeze(0))[0].numpy()
    return logits
