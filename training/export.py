"""Export of the trained model as ONNX: in float32, and with 8-bit convolutions."""

import copy
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from training.model import Descriptor, to_input

SIDE = 224
QUANTISED_OPERATORS = ["Conv", "Add", "Clip", "Pad"]


def export_onnx(model: Descriptor, path: Path) -> None:
    """Write the model in float32: input ``x`` (n, 3, 224, 224), output ``z`` (n, width)."""
    plain = copy.deepcopy(model).to("cpu", memory_format=torch.contiguous_format).eval()
    plain.power.requires_grad = False
    torch.onnx.export(
        plain, (torch.zeros(1, 3, SIDE, SIDE),), str(path), input_names=["x"], output_names=["z"],
        dynamic_axes={"x": {0: "n"}, "z": {0: "n"}}, opset_version=17, dynamo=False,
    )  # fmt: skip


def export_quantised(source: Path, target: Path, sample: NDArray[np.uint8]) -> None:
    """Write the model with 8-bit convolutions. Pooling and projection remain in float32.

    Args:
        source: File written by :func:`export_onnx`.
        target: File to write.
        sample: Views used to measure the ranges, uint8, shape (n, 224, 224, 3).
    """
    prepared = target.with_suffix(".prepared")
    quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
    quantize_static(
        str(prepared),
        str(target),
        _SampleReader(sample),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        weight_type=QuantType.QInt8,
        activation_type=QuantType.QUInt8,
        op_types_to_quantize=QUANTISED_OPERATORS,
    )
    prepared.unlink()


class _SampleReader(CalibrationDataReader):
    def __init__(self, sample: NDArray[np.uint8]) -> None:
        self._inputs: Iterator[dict[str, NDArray[np.float32]]] = (
            {"x": to_input(sample[start : start + 8]).contiguous().numpy()} for start in range(0, len(sample), 8)
        )

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """Return the next batch for the quantiser."""
        return next(self._inputs, None)
