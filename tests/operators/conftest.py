"""What several files of tests put faults into: stages, made once, and a sound clip. Each fault is taken out again."""

from collections.abc import Iterator

import pytest

from operators.planning.probe import plan_source
from schemas.clip import CandidateClip
from schemas.rules import DISGUISES
from tests import plates
from tests.conftest import end_ray
from tests.operators.audited import GATE_1, GRAY, MASK, PROFILE, REGENERATED, SOURCE, encode
from tests.operators.clips import SOMEBODY, evidence
from tests.operators.stages import Stages


@pytest.fixture(scope="session", autouse=True)
def _plates_are_made_once() -> Iterator[None]:
    """Under whatever fault elsewhere, they are the same."""
    with pytest.MonkeyPatch.context() as patch:
        plates.make_once(patch)
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_ray_beside() -> None:
    """These are half of all tests, and none is about Ray."""
    end_ray()


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
