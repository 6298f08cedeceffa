"""People followed through a plan: one look within a video, and within a rig; who cannot be followed is nobody known."""

from pathlib import Path

import pytest

from cluster.ledger import plans
from cluster.ledger.plans import Plan
from operators.condition import Condition
from operators.conditioning.cue_models import CueModels
from schemas.clip import ClipRef
from schemas.config import load
from schemas.policy import Policy
from schemas.profile import Profile
from tests.jobs import here
from tests.jobs.small import ROOT, cut_video, job, settings

PROFILE = load(Profile, ROOT / "cluster/profiles/embedded.yaml")


@pytest.fixture(scope="module")
def followed(cluster: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `in`, two videos of one person and one that is gone since, and `plan`, followed."""
    folder = tmp_path_factory.mktemp("followed")
    (folder / "in").mkdir()
    for name in ("a", "b", "gone"):
        cut_video(folder / f"in/{name}.mp4", 9 if name != "gone" else 5)
    assert here.job("plan", f"{folder}/in", "--plan", f"{folder}/plan", *settings(folder)).returncode == 0
    (folder / "in/gone.mp4").unlink()
    refused = here.job("anonymize", "--plan", f"{folder}/plan", "--output", f"{folder}/out", *own(folder))
    assert (
        refused.returncode and "not followed in 5 clips" in refused.stderr and "jobs.follow" in refused.stderr
    )
    done = job("follow", "--plan", f"{folder}/plan", *own(folder))
    assert done.returncode == 0, done.stderr
    return folder


def own(folder: Path, scope: str = "video") -> list[str]:
    return [*settings(folder), "--set", f"policy.identity.scope={scope}"]


def clips(folder: Path) -> list[ClipRef]:
    found = Plan.of(f"{folder}/plan").sample(100)
    return sorted(found, key=lambda ref: (ref.uri, ref.first_frame))


def test_somebody_is_one_person_in_all_clips_of_a_video(followed: Path) -> None:
    refs = clips(followed)
    assert len(refs) == 5 and {ref.followed for ref in refs} == {"video"}
    assert [[one.person for one in ref.people] for ref in refs] == [[1], [1], [1], [1], []]


def test_they_have_one_look_there_and_another_in_the_next_video(followed: Path) -> None:
    policy = load(Policy, ROOT / "cluster/policies/driving.yaml", ["identity.scope=video"])
    with pytest.MonkeyPatch.context() as patch:
        here.models_once(patch)
        condition = Condition(PROFILE, policy, b"key", models=CueModels.load(PROFILE, policy))
    seeds = []
    for ref in clips(followed)[:4]:
        (role,) = condition.condition(ref).roles
        seeds.append(role.actor.seed)
    assert seeds[0] == seeds[1] != seeds[2] == seeds[3]


def test_the_same_command_again_does_what_is_new(followed: Path) -> None:
    again = here.job("follow", "--plan", f"{followed}/plan", *own(followed))
    assert again.returncode == 0 and "clips looked at                    │ 0" in again.stdout
    (bucket,) = {plans.bucket(ref.key) for ref in clips(followed) if ref.uri.endswith("a.mp4")}
    before = clips(followed)
    plans.keep_followed(f"{followed}/plan", bucket, "", {ref.clip_id: [] for ref in before[:2]})
    assert here.job("follow", "--plan", f"{followed}/plan", *own(followed)).returncode == 0
    assert [[one.person for one in ref.people] for ref in clips(followed)] == [[1], [1], [1], [1], []]


def test_in_a_rig_who_looks_the_same_is_one_person(followed: Path) -> None:
    assert here.job("follow", "--plan", f"{followed}/plan", *own(followed, "rig")).returncode == 0
    assert [[one.person for one in ref.people] for ref in clips(followed)] == [[1], [1], [1], [1], []]
    assert {ref.followed for ref in clips(followed)} == {"rig"}


@pytest.mark.parametrize("scope", ["clip", "release"])
def test_where_nobody_is_to_be_followed_that_is_said(followed: Path, scope: str) -> None:
    refused = here.job("follow", "--plan", f"{followed}/plan", *own(followed, scope))
    assert refused.returncode and "identity.scope" in refused.stderr
