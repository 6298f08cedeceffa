"""SAM 3 video: looks for the word in every frame, and drops nobody for being brief, faint or late."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from transformers import Sam3VideoModel

from benchmarks.standins.random_sam import save_sam3
from operators.models.people.sam3_video import Sam3Video
from operators.models.runtime.loading import load_model
from tests.operators.models.cue_models import noise
from tests.operators.models.tiny_cues import break_weights

HEIGHT, WIDTH = 96, 128


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_sam3(tmp_path_factory.mktemp("sam3"))


def see(model: Sam3Video, frame: int, score: float) -> Sam3Video:
    """Make its detector see one person, in one frame: a quarter of its height and width, right of the middle."""
    calls = iter(range(1000))

    def forward(**_: Any) -> Any:
        mask = torch.full((1, 1, 32, 32), -10.0)
        mask[0, 0, 12:20, 18:26] = 10.0
        logit = torch.full((1, 1), score if next(calls) == frame else 1e-6).logit()
        return SimpleNamespace(
            pred_logits=logit,
            presence_logits=torch.full((1, 1), 50.0),
            pred_boxes=torch.zeros(1, 1, 4),
            pred_masks=mask,
        )

    model.model.detector_model.forward = forward
    return model


def with_the_checkpoint_s_settings(weights: Path) -> Sam3Video:
    model = Sam3Video(weights)
    model.model = load_model(Sam3VideoModel, weights, "cpu")
    return model


def test_people_of_every_frame_at_its_resolution(weights: Path) -> None:
    model = Sam3Video(weights, confidence=0.01)
    found = model(noise(2, HEIGHT, WIDTH))
    assert len(found) == 2
    for one in found:
        count = len(one.boxes)
        assert count > 0
        assert (one.boxes.shape, one.scores.shape, len(one.masks)) == ((count, 4), (count,), count)
        assert one.boxes.dtype == one.scores.dtype == np.float32
        assert all(mask.within(0, 0, HEIGHT, WIDTH).sum() == mask.area > 0 for mask in one.masks)


def test_somebody_faint_in_one_late_frame_is_masked(weights: Path) -> None:
    frames = noise(3, HEIGHT, WIDTH)
    late = see(Sam3Video(weights), 2, 0.3)(frames)[2]
    np.testing.assert_allclose(late.scores, 0.3, rtol=1e-5)
    inside = late.masks[0].within(0, 0, HEIGHT, WIDTH)
    assert inside[12 * 3 + 2 : 20 * 3 - 2, 18 * 4 + 2 : 26 * 4 - 2].all() and inside.mean() < 0.1
    plain = see(with_the_checkpoint_s_settings(weights), 2, 0.3)(frames)
    assert [len(one.masks) for one in plain] == [0, 0, 0]


def test_who_is_detected_only_once_is_not_removed_again(weights: Path) -> None:
    frames = noise(10, HEIGHT, WIDTH)
    ours, plain = (
        see(model, 0, 0.9) for model in (Sam3Video(weights), with_the_checkpoint_s_settings(weights))
    )
    for model in (ours, plain):  # a tracker that goes on seeing them
        belief = model.model.tracker_model.mask_decoder.pred_obj_score_head.proj_out
        torch.nn.init.constant_(belief.bias, 5.0)
    assert ours(frames)[9].masks and not plain(frames)[9].masks


def test_who_is_found_late_is_followed_backwards_too(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = see(Sam3Video(weights), 2, 0.9)
    seen: list[tuple[int, bool, int]] = []
    forward = model.model.forward

    def spy(session: Any, frame_idx: int, reverse: bool) -> Any:
        outputs = forward(session, frame_idx=frame_idx, reverse=reverse)
        seen.append((frame_idx, reverse, len(outputs.obj_id_to_mask)))
        return outputs

    monkeypatch.setattr(model.model, "forward", spy)
    model(noise(4, HEIGHT, WIDTH))
    assert seen == [(0, False, 0), (1, False, 0), (2, False, 1), (3, False, 1), (1, True, 1), (0, True, 1)]


def test_below_the_confidence_nobody_is_found(weights: Path) -> None:
    found = Sam3Video(weights, confidence=0.99)(noise(2, HEIGHT, WIDTH))
    assert [(one.boxes.shape, one.scores.shape, one.masks) for one in found] == [((0, 4), (0,), [])] * 2


@pytest.mark.parametrize(
    "part", ["detr_decoder.presence_head.layer3.weight", "patch_embeddings.projection.weight"]
)
def test_a_network_that_says_nan_is_an_error_and_not_nobody(tmp_path: Path, part: str) -> None:
    with pytest.raises(ValueError, match="not finite"):
        Sam3Video(break_weights(save_sam3(tmp_path), part))(noise(1, HEIGHT, WIDTH))
