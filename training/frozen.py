"""The part of the network that isn't trained: by ONNX Runtime on a CPU, three times as fast there as PyTorch."""

import io

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn


class Frozen:
    """Runs leading modules without gradients.

    Args:
        modules: of the trunk; may be none.
        device: where the rest is trained.
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
        """Shape (n, 3, side, side) → what the modules make of it."""
        if self._session is None:
            return self._modules(x) if len(self._modules) else x
        rows = x.contiguous().numpy()
        made = [self._session.run(None, {"x": rows[index : index + 1]})[0] for index in range(len(rows))]
        return torch.from_numpy(np.concatenate(made)).contiguous(memory_format=torch.channels_last)
