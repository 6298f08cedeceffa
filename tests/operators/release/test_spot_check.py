"""The sample: how it is drawn, what it finds, and what it may say of all."""

from dataclasses import replace

import numpy as np
import pytest

from operators.gates.degenerate import degenerate
from operators.release.spot_check import bound, doubts, draw
from schemas.certificate import Gate, Step
from schemas.config import load
from schemas.policy import Policy
from tests.cluster.toy import make_ref, released

FRAMES = np.random.default_rng(0).integers(0, 255, (6, 24, 32, 3), np.uint8)
CERTIFICATE = replace(
    released(make_ref(2), b"video").certificate, gates=[Gate("black", "luma", 200.0, 30.0, "at least")]
)
FILLED = replace(CERTIFICATE, steps=[Step("opaque fill", "audit: gate failed: copy")])
BYPASSED = replace(CERTIFICATE, tracks=0, diffusion_calls=0)


def test_what_looks_as_certified_is_not_doubted() -> None:
    assert doubts(FRAMES, CERTIFICATE) == []


@pytest.mark.parametrize(
    ("frames", "certificate", "found"),
    [
        (FRAMES // 4, CERTIFICATE, ["is darker than its certificate says"]),
        (FRAMES // 4, replace(CERTIFICATE, gates=[Gate("black", "luma", 255.0, 30.0, "at least")]), []),
        (FRAMES[:1].repeat(6, 0), CERTIFICATE, ["one picture throughout"]),
        (FRAMES[:1], CERTIFICATE, []),
        (FRAMES[:1].repeat(6, 0), BYPASSED, []),
        (FRAMES[:1].repeat(6, 0), FILLED, []),
        (np.full_like(FRAMES, 230), CERTIFICATE, ["of one colour throughout"]),
        (np.full_like(FRAMES, 230), BYPASSED, []),
    ],
)
def test_what_is_doubted(frames: np.ndarray, certificate: object, found: list[str]) -> None:
    made = doubts(frames, certificate)  # type: ignore[arg-type]
    assert len(made) == len(found) and all(part in text for part, text in zip(found, made, strict=True))


@pytest.mark.parametrize("drawn", [False, True], ids=["filled", "drawn"])
@pytest.mark.parametrize("noise", [0, 1])
def test_whoever_stands_still_in_a_still_scene_passes_gates_and_sample_alike(drawn: bool, noise: int) -> None:
    """A second before a wall, or the last two frames of a video: what Audit releases is verified."""
    random = np.random.default_rng(1)
    scene = FRAMES[:1].repeat(6, 0) // 2 + 64
    source = scene + random.integers(0, noise + 1, scene.shape, np.uint8)
    mask = np.zeros(source.shape[:3], bool)
    mask[:, 4:20, 8:16] = True
    output = scene.copy()
    output[mask] = 90 + FRAMES[:1].repeat(6, 0)[mask] // 4 * drawn
    limits = load(Policy, "cluster/policies/driving.yaml").gates
    gates = degenerate(output, source, mask, mask if drawn else np.zeros_like(mask), limits, not drawn)
    assert all(gate.passed for gate in gates)
    assert doubts(output, replace(CERTIFICATE, gates=gates)) == []


def test_a_picture_that_stands_where_the_source_moves_is_doubted_whatever_the_gate_says() -> None:
    still = FRAMES[:1].repeat(6, 0)
    for score in (0.0, 0.05, 0.9999):
        gate = Gate("frozen", "motion", score, 0.05, "at least")
        (found,) = doubts(still, replace(CERTIFICATE, gates=[gate]))
        assert "one picture throughout" in found


def test_a_draw_is_repeatable_and_of_different_clips() -> None:
    keys = [f"{number:03d}" for number in range(100)]
    assert draw(keys, 10, "a") == draw(reversed(keys), 10, "a") != draw(keys, 10, "b")
    assert len(draw(keys, 10, "a")) == 10 and draw(keys, 500, "a") == set(keys)
    assert draw(keys, 0, "a") == draw([], 5, "a") == set()


def test_the_bound_is_that_of_clopper_and_pearson() -> None:
    assert bound(0, 100, 10**6) == pytest.approx(1 - 0.05**0.01)
    assert bound(0, 3000, 10**6) == pytest.approx(0.001, rel=0.01)  # the rule of three
    assert bound(2, 50, 10**6) == pytest.approx(0.1206, abs=1e-4)
    assert bound(50, 50, 10**6) == 1.0
    assert (bound(0, 40, 40), bound(2, 40, 40), bound(0, 0, 0)) == (0.0, 0.05, 0.0)


def test_the_bound_holds_as_often_as_it_says() -> None:
    """Of samples from a dataset with a known share of bad clips, at most one in twenty claims less."""
    generator, share = np.random.default_rng(0), 0.03
    found = generator.binomial(60, share, 4000)
    assert np.mean([bound(int(bad), 60, 10**6) >= share for bad in found]) >= 0.95
