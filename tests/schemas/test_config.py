from pathlib import Path

import pytest

from schemas.config import load
from schemas.errors import UserError
from schemas.policy import Policy
from schemas.profile import Profile

PROFILE = "cluster/profiles/embedded.yaml"
POLICY = "cluster/policies/driving.yaml"


def test_what_is_shipped_is_valid() -> None:
    assert load(Profile, PROFILE).name == "embedded"
    assert load(Policy, POLICY).variant == "structhuman"


def test_an_override_by_dotted_name_changes_the_digest() -> None:
    plain, changed = load(Profile, PROFILE), load(Profile, PROFILE, ["generator.steps=3"])
    assert changed.generator.steps == 3
    assert plain.digest() != changed.digest()


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("generator.stepz=3", "generator.stepz"),
        ("generator.steps=many", "generator.steps"),
        ("clip.frames=50", "clip.frames must be 4k\\+1"),
        ("clip.overlap=80", "clip.overlap must be smaller"),
        ("generator.steps", "has no value"),
        ("name.x=1", "name is a value"),
    ],
)
def test_a_wrong_setting_names_the_field(override: str, named: str) -> None:
    with pytest.raises(UserError, match=named):
        load(Profile, PROFILE, [override])


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "a: [\n"])
def test_a_file_that_is_no_profile_names_the_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=r"mine\.yaml"):
        load(Profile, path)
    with pytest.raises(UserError, match=r"nothing\.yaml"):
        load(Profile, tmp_path / "nothing.yaml")


def test_a_mask_thinner_than_a_codec_block_is_refused() -> None:
    with pytest.raises(UserError, match=r"mask\.dilate_px"):
        load(Policy, POLICY, ["mask.dilate_px=4"])
