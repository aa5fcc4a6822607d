"""The model: EfficientNet-Lite0 with folded batch norms, generalised mean pooling, and projection to a unit vector.

Tan and Le 2019 (EfficientNet, arXiv:1905.11946) in its Lite form; Radenović et al. 2019 (pooling, arXiv:1711.02512).
"""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional

WIDTH = 256
MEAN = np.array([123.675, 116.28, 103.53], np.float32)
STANDARD_DEVIATION = np.array([58.395, 57.12, 57.375], np.float32)

STEM_CHANNELS, HEAD_CHANNELS = 32, 1280
STAGES = (
    # Expansion, kernel, stride, channels, blocks.
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)


class Block(nn.Module):
    """An inverted residual block: expand, convolve each channel, project."""

    def __init__(self, channels: int, out: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        expanded = channels * expansion
        expansion_layers = [*_build_convolution(channels, expanded, 1), nn.ReLU6()] if expansion > 1 else []
        self.layers = nn.Sequential(
            *expansion_layers,
            *_build_convolution(expanded, expanded, kernel, stride, groups=expanded),
            nn.ReLU6(),
            *_build_convolution(expanded, out, 1),
        )
        self.has_shortcut = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block: shape (n, channels, h, w) → (n, out, h / stride, w / stride)."""
        return x + self.layers(x) if self.has_shortcut else self.layers(x)


class Descriptor(nn.Module):
    """Descriptor model, which maps pictures to vectors.

    Attributes:
        trunk: 18 modules: the stem, 16 blocks, the last convolution.
        power: Exponent of the pooling.
        head: Linear projection.
    """

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        modules: list[nn.Module] = [nn.Sequential(*_build_convolution(3, STEM_CHANNELS, 3, 2), nn.ReLU6())]
        channels = STEM_CHANNELS
        for expansion, kernel, stride, out, blocks in STAGES:
            for number in range(blocks):
                modules.append(Block(channels, out, expansion, kernel, stride if number == 0 else 1))
                channels = out
        modules.append(nn.Sequential(*_build_convolution(channels, HEAD_CHANNELS, 1), nn.ReLU6()))
        self.trunk = nn.Sequential(*modules)
        self.power = nn.Parameter(torch.tensor(3.0))
        self.head = nn.Linear(HEAD_CHANNELS, width)

    def pool(self, maps: Tensor) -> Tensor:
        """Pool feature maps: shape (n, 1280, h, w) → (n, 1280)."""
        return maps.clamp(min=1e-3).pow(self.power).mean((2, 3)).clamp(min=1e-9).pow(1 / self.power)

    def embed(self, maps: Tensor) -> Tensor:
        """Pool and project feature maps: shape (n, 1280, h, w) → (n, width), unit length."""
        return functional.normalize(self.head(self.pool(maps)), dim=1)

    def forward(self, x: Tensor) -> Tensor:
        """Describe normalised RGB pictures: shape (n, 3, 224, 224) → (n, width), unit length."""
        return self.embed(self.trunk(x))


def load_weights(model: Descriptor, path: Path) -> None:
    """Load the weights of an exported descriptor, in float32 or quantised.

    Raises:
        ValueError: The file contains a model with different layers.
    """
    layers = [module for module in model.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    stored_layers = list(_read_stored_layers(onnx.load(str(path))))
    shapes = [tuple(layer.weight.shape) for layer in layers]
    if [weight.shape for weight, _ in stored_layers] != shapes:
        raise ValueError(f"{path} holds another network.")
    with torch.no_grad():
        for layer, (weight, bias) in zip(layers, stored_layers, strict=True):
            layer.weight.copy_(torch.from_numpy(weight.copy()))
            layer.bias.copy_(torch.from_numpy(bias.copy()))


def to_input(pixels: NDArray[np.uint8]) -> Tensor:
    """Convert pixels, uint8, shape (n, side, side, 3), to model input: float32, shape (n, 3, side, side)."""
    scaled = (pixels.astype(np.float32) - MEAN) / STANDARD_DEVIATION
    return torch.from_numpy(scaled.transpose(0, 3, 1, 2)).contiguous(memory_format=torch.channels_last)


def _build_convolution(channels: int, out: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """Return a convolution with TensorFlow's padding, which is asymmetric if the stride is 2."""
    padding = (kernel - 1) // 2
    if stride == 1:
        return [nn.Conv2d(channels, out, kernel, 1, padding, groups=groups)]
    leading, trailing = (kernel - stride) // 2, kernel - stride - (kernel - stride) // 2
    return [
        nn.ZeroPad2d((leading, trailing, leading, trailing)),
        nn.Conv2d(channels, out, kernel, stride, 0, groups=groups),
    ]


def _read_stored_layers(model: Any) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:  # noqa: ANN401 - no types
    """Yield weights and biases in the order of computation."""
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in tensors:
            values, scale, zero = (tensors[name].astype(np.float32) for name in node.input)
            shape = (-1,) + (1,) * (values.ndim - 1) if scale.size > 1 else ()
            tensors[node.output[0]] = (values - zero.reshape(shape)) * scale.reshape(shape)
    for node in model.graph.node:
        if node.op_type in {"Conv", "Gemm"}:
            yield tensors[node.input[1]], tensors[node.input[2]]


class FrozenModules:
    """Runs the leading modules of the trunk without gradients.

    Args:
        modules: Modules of the trunk; may be empty.
        device: Device on which the remaining modules are trained.
    """

    def __init__(self, modules: nn.Sequential, device: torch.device) -> None:
        self._modules = modules
        self._session = None
        if device.type == "cpu" and len(modules):
            file = io.BytesIO()
            axes = {"x": {0: "n", 2: "h", 3: "w"}}
            torch.onnx.export(
                modules, (torch.zeros(1, 3, 160, 160),), file, input_names=["x"], output_names=["y"],
                dynamic_axes=axes, opset_version=17, dynamo=False,
            )  # fmt: skip
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = torch.get_num_threads()
            self._session = onnxruntime.InferenceSession(file.getvalue(), options, providers=["CPUExecutionProvider"])

    @torch.no_grad()
    def __call__(self, x: Tensor) -> Tensor:
        """Run the modules on input of shape (n, 3, side, side)."""
        if self._session is None:
            return self._modules(x) if len(self._modules) else x
        rows = x.contiguous().numpy()
        outputs = [self._session.run(None, {"x": rows[index : index + 1]})[0] for index in range(len(rows))]
        return torch.from_numpy(np.concatenate(outputs)).contiguous(memory_format=torch.channels_last)
