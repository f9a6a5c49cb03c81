"""Load an ONNX file, with onnxruntime as the reference."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import openvino as ov
import torch

from services.catalog import Model
from services.export.errors import NetworkError, first_line
from services.export.sources.outputs import LOGITS
from services.export.sources.preprocessing import preprocessing

# The file that torch.onnx.export writes beside a large network.
DATA_SUFFIX = ".data"
# What onnxruntime writes before its sentence, and how it names an operator that it does not have.
LOCATION = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : (Load model from .*? failed: ?)?(\S+:\d+ .*\) (?=ONNX))?")
OWN_OPERATOR = re.compile("opset import for domain|not a registered")
MAX_REASON = 200


class OnnxModule(torch.nn.Module):
    """The network in onnxruntime, as a torch module: float32 [1, channels, height, width] -> outputs [1, labels]."""

    def __init__(self, session: Any, path: Path, output: str, *, channels_last: bool) -> None:
        super().__init__()
        self.session, self.path, self.output, self.channels_last = session, path, output, channels_last

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """The outputs for one image."""
        pixels = image.permute(0, 2, 3, 1) if self.channels_last else image
        name = self.session.get_inputs()[0].name
        (result,) = self.session.run([self.output], {name: pixels.contiguous().numpy()})
        return torch.from_numpy(result)

    def converted(self, shape: Sequence[int]) -> ov.Model:
        """The network in OpenVINO, read from the file; `shape` is [1, channels, height, width]."""
        one, channels, height, width = shape
        wanted = [one, height, width, channels] if self.channels_last else list(shape)
        model = ov.convert_model(self.path, output=self.output)
        model.reshape(ov.PartialShape(wanted))
        return model


def onnx_module(model: Model, path: Path) -> OnnxModule:
    """The network of an ONNX file; raises NetworkError."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # errors are raised; it would log them too
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as err:  # onnxruntime raises many kinds of errors
        text = _reason(err)
        advice = "copy it again, or export it again"
        if OWN_OPERATOR.search(text):
            advice = "it has operators that are not ONNX's own: export it without them"
        elif "opset" in text.lower() or "ir version" in text.lower():
            advice = "export it for an older opset, for example with opset_version=18"
        elif DATA_SUFFIX in text or "external" in text.lower():
            advice = f"put the file {path.name}{DATA_SUFFIX} beside it, which was exported with it"
        raise NetworkError(f"{model.name}: onnxruntime cannot load the weights: {text}; {advice}") from err
    inputs = session.get_inputs()
    if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].type != "tensor(float)":
        listed = ", ".join(f"{one.name} {one.type} {one.shape}" for one in inputs)
        raise NetworkError(f"{model.name}: the network's inputs are {listed}; export it for one image as float32")
    batch, *sides = inputs[0].shape
    if isinstance(batch, int) and batch != 1:
        raise NetworkError(
            f"{model.name}: the network takes {batch} images at a time; export it with a dynamic batch or a batch of 1"
        )
    channels_last = sides[2] in (1, 3) and sides[0] not in (1, 3)
    _require_size(model, sides[-1:] + sides[:-1] if channels_last else sides)
    return OnnxModule(session, path, _output(model, session), channels_last=channels_last)


def _reason(err: Exception) -> str:
    """onnxruntime's sentence, without its codes, the file's path and the place in its source."""
    return LOCATION.sub("", first_line(err))[:MAX_REASON]


def _require_size(model: Model, sides: Sequence[int | str]) -> None:
    """Raise NetworkError if the preprocessing gives another size than the network takes; `sides` may be names."""
    wanted = preprocessing(model).input_shape[1:]
    if all(not isinstance(side, int) or side == want for side, want in zip(sides, wanted, strict=True)):
        return
    channels, *size = (side if isinstance(side, int) else want for side, want in zip(sides, wanted, strict=True))
    remedies = [f"`crop: {size[0] if size[0] == size[1] else size}`"] if size != list(wanted[1:]) else []
    remedies += [f"`channels: {'gray' if channels == 1 else 'rgb'}`"] if channels != wanted[0] else []
    raise NetworkError(
        f"{model.name}: the network takes inputs of {list(sides)}, but `preprocess` gives {list(wanted)}; write"
        f" {' and '.join(remedies)} there (`add … --size=SIDE`)"
    )


def _output(model: Model, session: Any) -> str:
    outputs = {one.name: one.shape for one in session.get_outputs()}
    if len(outputs) == 1 or LOGITS in outputs:
        return LOGITS if LOGITS in outputs else next(iter(outputs))
    listed = ", ".join(f"{name} {shape}" for name, shape in outputs.items())
    raise NetworkError(
        f"{model.name}: the network has several outputs: {listed}; export one, or name the classifier's {LOGITS!r}"
    )
