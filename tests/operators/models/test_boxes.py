"""Each thing once, as torchvision has it."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.ops import nms

from operators.models.boxes import surest_once


@given(seed=st.integers(0, 10**6), count=st.integers(0, 40), most=st.sampled_from([0.0, 0.3, 0.55, 1.0]))
def test_who_is_kept_is_whom_torchvision_keeps(seed: int, count: int, most: float) -> None:
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 60, (count, 2))
    boxes = np.hstack([corners, corners + rng.uniform(1, 40, (count, 2))]).astype(np.float32)
    scores = rng.permutation(count).astype(np.float32)  # of two that are equally sure either may be kept
    theirs = nms(torch.from_numpy(boxes), torch.from_numpy(scores), most).numpy()
    np.testing.assert_array_equal(surest_once(boxes, scores, most), theirs)
