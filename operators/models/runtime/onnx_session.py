"""Networks in ONNX's format by onnxruntime: offline, silent, on a GPU where there is one."""

import logging
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from operators.models.runtime.finite import check_finite
from operators.weights import vouched
from schemas.errors import UserError

log = logging.getLogger("recast")
_CUDA, _CPU = "CUDAExecutionProvider", "CPUExecutionProvider"


class OnnxNetwork:
    """A picture, or several of one size, float32 [N,3,H,W] -> the outputs that `outputs` names, in that order.

    `device` is torch's name for it: with `cuda` or `cuda:1` it runs there if onnxruntime was installed with that
    provider, else on as many threads as torch uses. `name` is what weights.lock calls a file of a package; `change`
    makes of the file's bytes what is loaded. Raises UserError if the file is missing or is another network, ValueError
    if what comes out is not finite.
    """

    def __init__(
        self,
        weights: str | Path,
        outputs: Sequence[str],
        device: str = "cpu",
        name: str = "",
        change: Callable[[bytes], bytes] = bytes,
    ) -> None:
        import onnxruntime
        import torch  # both are slow to import, and jobs that only ask for the names of weights need neither

        onnxruntime.disable_telemetry_events()  # as the environment says already; see operators/isolation.py
        remedy = "Name a file of cluster/weights/embedded/cues, or what jobs.convert_cues writes"
        if not Path(weights).is_file():
            raise UserError(str(weights), "network not found", remedy)
        file, options = vouched(weights, name), onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors only
        options.intra_op_num_threads = torch.get_num_threads()
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # others need the core
        try:
            # Its bytes, not its path: a network from nowhere takes no weights from files that nobody compared.
            providers = _providers(device)
            self.session = onnxruntime.InferenceSession(
                change(file.read_bytes()), options, providers=providers
            )
        except Exception as error:  # whatever parsing somebody's file raises
            raise UserError(str(weights), f"not a network ({type(error).__name__})", remedy) from error
        if lacking := set(outputs) - {output.name for output in self.session.get_outputs()}:
            raise UserError(str(weights), f"has no output {', '.join(sorted(lacking))}", remedy)
        if len(providers) > 1 and _CUDA not in self.session.get_providers():  # its libraries were not found
            log.warning("onnxruntime cannot use CUDA here: %s runs on the CPU", file.name)
        self.input, self.outputs = self.session.get_inputs()[0].name, list(outputs)

    def __call__(self, pictures: np.ndarray) -> list[np.ndarray]:
        found = self.session.run(self.outputs, {self.input: np.ascontiguousarray(pictures, np.float32)})
        check_finite(*found)
        return found


@cache
def runs_on_cuda(device: str) -> bool:
    """Whether onnxruntime can be asked to run there; says so once if a GPU was meant and its package has no CUDA."""
    import onnxruntime

    if not device.startswith("cuda"):
        return False
    if _CUDA not in onnxruntime.get_available_providers():
        log.warning(
            "onnxruntime is installed without CUDA: faces, text and networks in ONNX run on the CPU. "
            "Install requirements-gpu.txt"
        )
        return False
    onnxruntime.preload_dlls()  # those that came with torch
    return True


def _providers(device: str) -> list[str | tuple[str, dict[str, str]]]:
    if not runs_on_cuda(device):
        return [_CPU]
    # By default it would try every algorithm for each new size of picture, and double what it holds of memory.
    settings = {"cudnn_conv_algo_search": "HEURISTIC", "arena_extend_strategy": "kSameAsRequested"}
    return [(_CUDA, {"device_id": device.partition(":")[2] or "0", **settings}), _CPU]
