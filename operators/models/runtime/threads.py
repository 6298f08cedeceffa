"""How many threads of the CPU a stage's libraries use."""

import cv2


def use_threads(count: int) -> None:
    """From now on torch, OpenCV and the networks that onnxruntime loads next use so many in this process.

    Ray's workers begin with one of torch's (OMP_NUM_THREADS), and with one of OpenCV's for each core of the node.
    """
    import torch  # takes seconds, and jobs that only name a stage do without

    torch.set_num_threads(count)
    cv2.setNumThreads(count)
