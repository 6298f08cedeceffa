"""Faces in an evaluation: whose they are, how they are described, and what is found by them."""

from dataclasses import replace

import numpy as np
import pytest

from operators.evaluation.attacker import Attacker
from operators.evaluation.judges.faces import FaceEmbedder, theirs
from schemas.config import load
from schemas.cues import Patch
from schemas.errors import UserError
from schemas.evaluation import CONTROL, RECAST, SOURCE, FaceSettings, Judges, Look, Measured

SETTINGS = load(Judges, "cluster/judges/embedded.yaml").faces


@pytest.fixture(scope="module")
def embedder() -> FaceEmbedder:
    assert SETTINGS is not None
    return FaceEmbedder(SETTINGS)


def faces(count: int) -> np.ndarray:
    """Coarse noise, of which none is like another."""
    small = np.random.default_rng(0).integers(0, 255, (count, 5, 5, 3), np.uint8)
    return small.repeat(30, axis=1).repeat(30, axis=2)


def test_a_face_is_like_itself_in_other_light_and_unlike_another(embedder: FaceEmbedder) -> None:
    shown = faces(3)
    darker = (shown * 0.9).astype(np.uint8)
    one, two = embedder.embed(list(shown)), embedder.embed(list(darker))
    assert one.shape == (3, 128)
    np.testing.assert_allclose(np.linalg.norm(one, axis=1), 1, atol=1e-5)
    alike = one @ two.T
    assert (alike.argmax(axis=1) == np.arange(3)).all()
    assert embedder.embed([]).shape == (0, 1)


def test_what_is_shown_is_the_face_and_a_little_around_it(
    embedder: FaceEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the very size, at any size in a frame; who is too small is not looked at."""
    (face,) = faces(1)
    frame = np.full((300, 400, 3), 90, np.uint8)
    frame[60:210, 100:250] = face
    box = np.array([115, 75, 235, 195])  # 120 px; with a margin of a quarter it is 150
    found = [
        (Patch.of_box(box.astype(float), (300, 400)), 0.9),
        (Patch.of_box(np.array([5.0, 5, 20, 20]), (300, 400)), 0.9),
    ]
    monkeypatch.setattr(
        embedder, "detector", type("Detector", (), {"everybody": lambda _, some: [found for _ in some]})()
    )
    ((_, vector),) = embedder(frame[None])[0]
    (same,) = embedder.embed([face])
    assert vector @ same > 0.98


def test_a_face_is_theirs_whose_upper_part_it_lies_in() -> None:
    box = (100, 50, 160, 250)
    at = {name: np.array(place, float) for name, place in {
        "hers": (115, 60, 140, 90), "smaller": (118, 62, 130, 75), "lower": (115, 200, 140, 230),
        "beside": (170, 60, 190, 85),
    }.items()}  # fmt: skip
    listed = [(place, np.array([number])) for number, place in enumerate(at.values())]
    assert theirs(listed, box) == 0
    assert theirs(listed[1:], box) == 1
    assert theirs(listed[2:], box) is None


def test_a_file_without_that_output_is_refused() -> None:
    assert SETTINGS is not None
    with pytest.raises(UserError, match=r"face\.onnx: has no output embedding"):
        FaceEmbedder(SETTINGS.model_copy(update={"output": "embedding"}))
    with pytest.raises(UserError, match="network not found"):
        FaceEmbedder(
            FaceSettings(weights="nothing.onnx", output="face", side=112, mean=127.5, scale=1 / 127.5)
        )


def test_who_shows_her_face_is_found_by_it_and_who_shows_none_is_not() -> None:
    rng, nothing = np.random.default_rng(1), np.full(1, np.nan, np.float32)
    blank = np.zeros((1, 2), np.float32)

    def look(number: int, method: str, face: np.ndarray) -> Look:
        name = f"s{number}"
        return Look(
            method,
            name,
            name,
            name,
            name,
            100.0,
            blank,
            blank,
            face,
            nothing,
            nothing,
            np.zeros((96, 48, 3), np.uint8),
        )

    own = rng.normal(size=(6, 8)).astype(np.float32)
    looks = [look(n, SOURCE, own[n] if n < 5 else nothing) for n in range(6)]
    looks += [look(n, CONTROL, own[n] if n < 5 else nothing) for n in range(6)]
    looks += [look(n, RECAST, nothing) for n in range(6)]
    measured = [
        Measured(f"s{n}", [f"s{n}"], [], [], [one for one in looks if one.source == f"s{n}"], [], [])
        for n in range(6)
    ]
    attacker = Attacker(measured, {"toy": lambda pictures: np.zeros((len(pictures), 2))})
    shown, hidden = (attacker.identity(method)[0] for method in (CONTROL, RECAST))
    assert (shown["face R-1"].value, shown["face R-1"].count) == (1, 5), (
        "of whom no face was seen nothing is asked"
    )
    assert (
        shown["face likeness"].value == pytest.approx(1) and shown["face likeness of strangers"].value < 0.5
    )
    assert hidden["face R-1"].value == pytest.approx(hidden["face R-1"].chance)
    assert hidden["face likeness"].value is None
    none = [replace(one, looks=[replace(look, face=nothing) for look in one.looks]) for one in measured]
    assert "face R-1" not in Attacker(none, attacker.embedders).identity(CONTROL)[0]
