"""How many threads of the CPU a stage's libraries use."""

import cv2
import torch


def use_threads(count: int) -> None:
    """From now on torch, OpenCV and the networks that onnxruntime loads next use so many in this process.

    Ray's workers begin with one of torch's (OMP_NUM_THREADS), and with one of OpenCV's for each core of the node.
    """
    torch.set_num_threads(count)
    cv2.setNumThreads(count)
