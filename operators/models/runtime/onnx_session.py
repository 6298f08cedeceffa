"""Networks in ONNX's format by onnxruntime: offline, silent, on a GPU where there is one."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from operators.models.runtime.finite import check_finite
from operators.weights import vouched
from schemas.errors import UserError


class OnnxNetwork:
    """A picture, or several of one size, float32 [N,3,H,W] -> the outputs that `outputs` names, in that order.

    `device` is torch's name for it: with `cuda` or `cuda:1` it runs there if onnxruntime was installed with that
    provider, else on as many threads as torch uses. Raises UserError if the file is missing or is another network,
    ValueError if what comes out is not finite.
    """

    def __init__(self, weights: str | Path, outputs: Sequence[str], device: str = "cpu") -> None:
        import onnxruntime

        onnxruntime.disable_telemetry_events()  # as the environment says already; see operators/isolation.py
        remedy = "Name a file of cluster/weights/embedded/cues, or what jobs.convert_cues writes"
        if not Path(weights).is_file():
            raise UserError(str(weights), "network not found", remedy)
        file, options = vouched(weights), onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors only
        options.intra_op_num_threads = torch.get_num_threads()
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # others need the core
        try:
            # Its bytes, not its path: a network from nowhere takes no weights from files that nobody compared.
            self.session = onnxruntime.InferenceSession(
                file.read_bytes(), options, providers=_providers(device)
            )
        except Exception as error:  # whatever parsing somebody's file raises
            raise UserError(str(weights), f"not a network ({type(error).__name__})", remedy) from error
        if lacking := set(outputs) - {output.name for output in self.session.get_outputs()}:
            raise UserError(str(weights), f"has no output {', '.join(sorted(lacking))}", remedy)
        self.outputs = list(outputs)

    def __call__(self, pictures: np.ndarray) -> list[np.ndarray]:
        found = self.session.run(self.outputs, {"image": np.ascontiguousarray(pictures, np.float32)})
        check_finite(*found)
        return found


def _providers(device: str) -> list[str | tuple[str, dict[str, str]]]:
    import onnxruntime

    kind, _, number = device.partition(":")
    if kind == "cuda" and "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        return [("CUDAExecutionProvider", {"device_id": number or "0"}), "CPUExecutionProvider"]
    return ["CPUExecutionProvider"]
