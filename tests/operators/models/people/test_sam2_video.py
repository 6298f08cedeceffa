"""SAM 2 video: every box of every frame prompts it, whenever somebody appears; it fills what the detector misses."""

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.standins.random_sam import save_sam2
from operators.models.people.sam2_video import Sam2Video
from schemas.cues import InstanceMasks, PersonBoxes
from tests.operators.models.cue_models import noise
from tests.operators.models.tiny_cues import break_weights

LATE = np.array([[60, 20, 90, 80]], np.float32)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_sam2(tmp_path_factory.mktemp("sam2"))


def only_in(*seen: int) -> object:
    """A detector that sees one person, in these frames."""

    def detect(frames: np.ndarray) -> list[PersonBoxes]:
        return [
            PersonBoxes(LATE[: t in seen], np.full(int(t in seen), 0.9, np.float32))
            for t in range(len(frames))
        ]

    return detect


def follow(weights: Path, detect: object, present: bool, batch: int = 4) -> list[InstanceMasks]:
    """Masks of six frames by a SAM that believes everybody to be there, or nobody."""
    model = Sam2Video(weights, detect, batch=batch)  # type: ignore[arg-type]
    belief = model.model.mask_decoder.pred_obj_score_head.proj_out
    torch.nn.init.zeros_(belief.weight)
    torch.nn.init.constant_(belief.bias, 5.0 if present else -5.0)
    return model(noise(6, 90, 150))


def test_somebody_who_appears_late_is_prompted_there_and_in_every_frame_after(weights: Path) -> None:
    found = follow(weights, only_in(3, 5), present=False)
    assert [len(one.masks) for one in found] == [0, 0, 0, 1, 0, 1]
    for one in (found[3], found[5]):
        np.testing.assert_array_equal(one.boxes, LATE)
        np.testing.assert_allclose(one.scores, 0.9)


def test_where_the_detector_sees_nothing_memory_goes_on_both_ways(weights: Path) -> None:
    found = follow(weights, only_in(3), present=True)
    assert [len(one.masks) for one in found] == [1] * 6
    assert found[3].scores[0] == np.float32(0.9)
    belief = 1 / (1 + np.exp(-5))
    for t in (0, 1, 2, 4, 5):
        np.testing.assert_allclose(found[t].scores, 0.9 * belief, rtol=1e-4)
        x0, y0, x1, y1 = found[t].boxes[0]
        mask = found[t].masks[0]
        assert (mask.x, mask.y, *mask.inside.shape) == (x0, y0, y1 - y0, x1 - x0)


def test_masks_depend_on_the_box_and_have_the_frame_s_resolution(weights: Path) -> None:
    found = follow(weights, only_in(0), present=True)[0]
    assert found.boxes.dtype == found.scores.dtype == np.float32
    assert found.masks[0].area and found.masks[0].within(0, 0, 90, 150).sum() == found.masks[0].area

    def elsewhere(frames: np.ndarray) -> list[PersonBoxes]:
        return [PersonBoxes(LATE - 15, np.ones(1, np.float32))] * len(frames)

    other = follow(weights, elsewhere, present=True)[0]
    assert (other.masks[0].within(0, 0, 90, 150) != found.masks[0].within(0, 0, 90, 150)).any()


def test_batches_do_not_change_the_result(weights: Path) -> None:
    alone, together = (follow(weights, only_in(2, 4), present=True, batch=batch) for batch in (1, 4))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_allclose(one.scores, other.scores, rtol=1e-4)
        for mine, its in zip(one.masks, other.masks, strict=True):
            assert (mine.within(0, 0, 90, 150) != its.within(0, 0, 90, 150)).mean() < 1e-3


def test_nobody_is_an_empty_result(weights: Path) -> None:
    found = follow(weights, only_in(), present=True)
    assert [(one.boxes.shape, one.scores.shape, one.masks) for one in found] == [((0, 4), (0,), [])] * 6


def test_a_network_that_says_nan_or_a_frame_left_out_is_an_error_and_not_nobody(tmp_path: Path) -> None:
    model = Sam2Video(save_sam2(tmp_path), lambda frames: only_in(0)(frames[1:]))  # type: ignore[operator]
    with pytest.raises(ValueError, match="boxes of 5 frames for 6"):
        model(noise(6, 90, 150))
    broken = Sam2Video(break_weights(tmp_path, "patch_embed.projection.weight"), only_in(0))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="not finite"):
        broken(noise(2, 90, 150))
