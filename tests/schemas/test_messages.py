"""What a user gets wrong in settings is one line: where, what, what to do."""

from pathlib import Path

import pytest

from jobs.options import named, read_settings
from schemas.config import load
from schemas.due import due
from schemas.errors import UserError
from schemas.measures import MEASURES
from schemas.policy import Policy
from tests.operators.stages import disguising

POLICY = "cluster/policies/driving.yaml"


@pytest.mark.parametrize(
    ("override", "where", "what"),
    [
        ("reviewers.may_waive=[likenes]", "--set reviewers.may_waive=[likenes]", "there is no gate likenes"),
        ("mask.dilate_px=[1", "--set mask.dilate_px=[1", "is not YAML"),
        ("mask.dilate_px={a: b: c}", "--set mask.dilate_px", "is not YAML"),
        ("mask.dilate_pix=3", "--set mask.dilate_pix=3", "not permitted"),
        ("mask.dilate_px=wide", "--set mask.dilate_px=wide", "valid integer"),
        ("maks.dilate_px=9", "--set maks.dilate_px=9", "not permitted"),
        ("variant=structnone", "--set variant=structnone", "structhuman"),
        ("sources.hdr=keep", "--set sources.hdr=keep", "tone-map"),
    ],
)
def test_what_is_set_wrongly_is_blamed_on_the_option(override: str, where: str, what: str) -> None:
    with pytest.raises(UserError) as caught:
        load(Policy, POLICY, ["name=mine", override])
    said = str(caught.value)
    assert said.startswith(where) and what in said and "\n" not in said and POLICY not in said


def test_what_the_file_has_wrong_is_blamed_on_the_file(tmp_path: Path) -> None:
    text = Path(POLICY).read_text()
    for written, where in (
        (text.replace("name: driving", "name: Straße").encode("latin-1", "replace"), "line 2: is not UTF-8"),
        (text.replace("variant:", "variant: [").encode(), "is not YAML"),
        (text.replace("may_waive: []", "may_waive: [likenes]").encode(), "reviewers.may_waive: "),
    ):
        path = tmp_path / "policy.yaml"
        path.write_bytes(written)
        with pytest.raises(UserError) as caught:
            load(Policy, path, ["name=mine"])
        assert str(caught.value).startswith(str(path)) and where in str(caught.value)
        assert "\n" not in str(caught.value)


def test_every_gate_that_can_be_due_has_its_name_in_the_policys_list() -> None:
    plain = load(Policy, POLICY)
    policies = plain, disguising(plain, "blur"), plain.model_copy(update={"labels": "coco"})
    names = {one.name for policy in policies for one in due(policy, [], marked=True)}
    assert names | {"accepted"} == set(MEASURES)


def test_what_is_shipped_goes_by_its_name() -> None:
    assert Path(named("profiles", "embedded")).samefile("cluster/profiles/embedded.yaml")
    assert named("policies", POLICY) == POLICY
    with pytest.raises(UserError, match="driving, robotics, strict"):
        named("policies", "drivin")


def test_settings_are_read_by_name() -> None:
    from argparse import Namespace

    profile, policy = read_settings(Namespace(profile="embedded", policy="strict", set=[]))
    assert (profile.name, policy.name) == ("embedded", "strict")
