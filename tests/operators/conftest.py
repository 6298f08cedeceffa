"""What several files of tests put faults into: stages, made once, and a sound clip. Each fault is taken out again."""

from collections.abc import Iterator
from hashlib import blake2b

import numpy as np
import pytest

import operators.condition
import operators.gates.scenery
import operators.generation.act
from operators.actor.background.plate import plate
from operators.planning.probe import plan_source
from schemas.actor import Plate
from schemas.clip import CandidateClip
from schemas.rules import DISGUISES
from tests.operators.audited import GATE_1, GRAY, MASK, PROFILE, REGENERATED, SOURCE, encode
from tests.operators.clips import SOMEBODY, evidence
from tests.operators.stages import Stages


@pytest.fixture(scope="session", autouse=True)
def _plates_are_made_once() -> Iterator[None]:
    """What is laid behind people depends on the pictures around them alone, and takes most of an audit's time: under
    whatever fault elsewhere, for the same pictures and masks it is the same."""
    made: dict[bytes, Plate] = {}

    def remembered(frames: np.ndarray, mask: np.ndarray) -> Plate:
        name = blake2b(frames.tobytes() + mask.tobytes()).digest() + repr(frames.shape).encode()
        if name not in made:
            made[name] = plate(frames, mask)
        return made[name]

    with pytest.MonkeyPatch.context() as patch:
        for place in (operators.condition, operators.generation.act, operators.gates.scenery):
            patch.setattr(place, "plate", remembered)
        yield


@pytest.fixture(scope="session")
def variants(tmp_path_factory: pytest.TempPathFactory) -> list[Stages]:
    """A diffusion model makes people: of each variant."""
    return [Stages(tmp_path_factory.mktemp("of"), name) for name in ("structhuman", "structall")]


@pytest.fixture(scope="session")
def acted(tmp_path_factory: pytest.TempPathFactory) -> list[Stages]:
    """Actors are drawn: of each variant."""
    names = ("structhuman actors", "structall actors")
    return [Stages(tmp_path_factory.mktemp("of"), name) for name in names]


@pytest.fixture(scope="session")
def disguised(tmp_path_factory: pytest.TempPathFactory) -> list[Stages]:
    """People are disguised: in each way."""
    return [Stages(tmp_path_factory.mktemp("of"), f"structhuman {name}") for name in DISGUISES]


@pytest.fixture(scope="module")
def candidate(tmp_path_factory: pytest.TempPathFactory) -> CandidateClip:
    """As Regenerate hands it over to Audit: one person, regenerated."""
    path = tmp_path_factory.mktemp("source") / "a.mp4"
    path.write_bytes(encode(SOURCE))
    (ref,) = plan_source(str(path), "a.mp4", b"key", PROFILE.clip)
    return CandidateClip(
        ref=ref,
        evidence=evidence(
            mask=MASK, body=MASK, renewed=MASK, people=[SOMEBODY], gates=GATE_1, conditioning_video=GRAY
        ),
        video=encode(REGENERATED),
        regenerated=1,
        tracks=1,
        diffusion_calls=1,
        seed_commitment="0" * 64,
    )
