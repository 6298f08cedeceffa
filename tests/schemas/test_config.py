from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import yaml

from jobs.options import read_settings
from schemas.config import Settings, load, parsed
from schemas.errors import UserError
from schemas.policy import Policy
from schemas.profile import Profile
from schemas.recipe import Recipe

PROFILE = "cluster/profiles/embedded.yaml"
POLICY = "cluster/policies/driving.yaml"


def test_what_is_shipped_is_valid() -> None:
    assert load(Profile, PROFILE).name == "embedded"
    assert load(Policy, POLICY).variant == "structhuman"


@pytest.mark.parametrize("path", sorted(Path("cluster/policies").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_policy_says_what_becomes_of_writing(path: Path) -> None:
    policy = load(Policy, path)
    assert policy.name == path.stem
    assert {rule.what for rule in policy.redacted()} >= {"plate", "text"}
    needed = {"driving": {"plate", "text"}, "strict": set(), "robotics": {"plate", "text", "screen"}}
    assert {rule.what for rule in policy.sought()} == needed[policy.name]


def test_a_policy_that_asks_for_what_nothing_finds_is_refused() -> None:
    robotics = "cluster/policies/robotics.yaml"
    arguments = Namespace(profile=PROFILE, policy=robotics, set=["objects="])
    with pytest.raises(
        UserError, match=r"robotics\.yaml: rules\.4\.do: blackout, .* finds a screen.*objects"
    ):
        read_settings(arguments)
    one = "{detector: {model: rt_detr, weights: a}, classes: {tv: screen}}"
    for objects in (
        one,
        f"[{one}, {{detector: {{model: yolo, weights: b, image_size: 640}}, classes: {{plate: plate}}}}]",
    ):
        arguments.set = [f"objects={objects}"]
        profile, policy = read_settings(arguments)
        assert profile.finds() == {"plate", "text", "screen"}
        assert policy.name == "robotics"


@pytest.mark.parametrize(
    "profile", sorted(Path("cluster/profiles").glob("*.yaml")), ids=lambda path: path.stem
)
@pytest.mark.parametrize("policy", ["driving", "robotics"])
def test_every_shipped_profile_finds_what_these_policies_redact(profile: Path, policy: str) -> None:
    read_settings(Namespace(profile=str(profile), policy=policy, set=[]))


def test_of_several_rules_the_first_whose_region_holds_most_of_the_box_applies() -> None:
    rules = [
        {"what": "text", "where": [0, 0.9, 1, 1], "do": "keep"},
        {"what": "text", "where": [0, 0.5, 1, 1], "do": "blur"},
        *load(Policy, POLICY).model_dump()["rules"],
    ]
    policy = Policy.model_validate(load(Policy, POLICY).model_dump() | {"rules": rules})
    size = (100, 200)
    boxes = {"keep": [10, 92, 50, 98], "blur": [10, 81, 50, 97], "inpaint": [10, 41, 50, 57]}
    for action, box in boxes.items():
        assert policy.action("text", np.array(box), size) == action
    assert policy.action("plate", np.array(boxes["keep"]), size) == "inpaint"


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


@pytest.mark.parametrize("name", ["variant", "rules", "mask.dilate_px", "reviewers.may_waive", "failures"])
@pytest.mark.parametrize("given", [True, False])
def test_a_misspelt_name_is_what_is_named_and_the_right_one_beside_it(
    tmp_path: Path, name: str, given: bool
) -> None:
    """Not the name that is missing for it, nor all of the file; on the command line as it was written there."""
    text, last = Path(POLICY).read_text(), name.rpartition(".")[2]
    wrong = last[:-2] + last[-1] + last[-2]
    misspelt, options = name.removesuffix(last) + wrong, list[str]()
    path = tmp_path / "policy.yaml"
    if given:
        options = [f"{misspelt}=1"]
    else:
        section, _, _ = name.rpartition(".")
        held = yaml.safe_load(text)
        inner = held.setdefault(section, {}) if section else held
        inner[wrong] = inner.pop(last, 1)
        text = yaml.safe_dump(held)
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        load(Policy, path, options, "policy.")
    where = f"--set policy.{misspelt}=1: {misspelt}" if given else f"{path}: {misspelt}"
    assert caught.value.args[0] == where
    assert f"Perhaps {last} is meant" in str(caught.value)


def test_a_mask_thinner_than_a_codec_block_is_refused() -> None:
    with pytest.raises(UserError, match=r"mask\.dilate_px"):
        load(Policy, POLICY, ["mask.dilate_px=4"])


@pytest.mark.parametrize(
    ("file", "cls", "above", "more", "named"),
    [
        (POLICY, Policy, "", "variant: structall\n", "variant"),
        (POLICY, Policy, "  copied_share:", "  copied_share: 0.99\n", "gates.copied_share"),
        (POLICY, Policy, "  copied_share:", "  'copied_share': 0.99\n", "gates.copied_share"),
        (PROFILE, Profile, "encoding:", "encoding: {crf: 51, preset: slow}\n", "encoding"),
        ("cluster/recipes/lora.yaml", Recipe, "", "steps: 1\n", "steps"),
    ],
)
def test_a_key_that_is_there_twice_is_named_with_its_file(
    tmp_path: Path, file: str, cls: type[Settings], above: str, more: str, named: str
) -> None:
    """Whoever reads the file sees the first, a program the last: 0.1 demanded, 0.99 allowed."""
    lines = Path(file).read_text().splitlines(keepends=True)
    at = 1 + next((n for n, line in enumerate(lines) if line.startswith(above) and above), len(lines) - 1)
    path = tmp_path / "mine.yaml"
    path.write_text("".join([*lines[:at], more, *lines[at:]]))
    with pytest.raises(UserError, match=rf"mine\.yaml: {named}: is there twice, again in line {at + 1}"):
        load(cls, path)


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("mask={dilate_px: 8, dilate_px: 9}", "dilate_px"),
        ("rules=[{what: text, do: keep}, {what: text, do: blur, do: keep}]", "1.do"),
    ],
)
def test_nor_may_an_option_say_it_twice(override: str, named: str) -> None:
    with pytest.raises(UserError, match=rf"{named}: is there twice"):
        load(Policy, POLICY, [override])


def test_what_an_anchor_names_again_is_there_once(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(Path(PROFILE).read_text().replace("encoding:", "encoding: &same"))
    assert load(Profile, path).encoding.crf == load(Profile, PROFILE).encoding.crf


@pytest.mark.parametrize("value", ["true", "false", ".nan", ".inf", "-.inf"])
@pytest.mark.parametrize("kind", [Policy, Profile], ids=["policy", "profile"])
def test_no_setting_is_a_number_that_is_none(kind: type[Settings], value: str) -> None:
    """`blank_share: true` would be 1, and no frame too blank; `empty_spread: .inf`, and no picture empty."""
    file = POLICY if kind is Policy else PROFILE
    for name in _numbers(load(kind, file)):
        with pytest.raises(UserError):
            load(kind, file, [f"{name}={value}"])


def _numbers(settings: Settings, prefix: str = "") -> list[str]:
    """Dotted names of all fields that hold a number."""
    found = []
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, Settings):
            found += _numbers(value, f"{prefix}{name}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found.append(prefix + name)
    return found


def test_strict_and_whoever_draws_nobody_refuse_the_source_s_body() -> None:
    shown = load(Policy, "cluster/policies/driving.yaml", ["identity.body=source"])
    assert shown.identity.body == "source" and '"body":"source"' in shown.model_dump_json()
    with pytest.raises(UserError, match="strict shows nobody's proportions"):
        load(Policy, "cluster/policies/strict.yaml", ["identity.body=source"])
    settings = shown.model_dump()
    rules = [
        rule | ({"do": "blur"} if rule["what"] in ("person", "face") else {}) for rule in settings["rules"]
    ]
    with pytest.raises(ValueError, match="nobody is drawn"):
        Policy.model_validate(settings | {"rules": rules, "escalation": []})


@pytest.mark.parametrize("name", ["driving", "strict", "robotics"])
def test_shipped_policies_draw_the_actors_own_body_and_keep_their_digests(name: str) -> None:
    policy = load(Policy, f"cluster/policies/{name}.yaml")
    assert policy.identity.body == "actor"
    assert "body" not in policy.model_dump()["identity"]


WRITTEN = [
    *(
        "",
        "---",
        "a:",
        "a: 1",
        "a: [1, 2",
        "a: 1\n---\nb: 2",
        "- 1\n- 2",
        "a: b: c",
        "a:\t1",
        "\ta: 1",
        "a: 'x",
    ),
    *("a: 2001-01-01", "a: yes", "on: 1", "a: 0o7\nb: 010\nc: 1e3\nd: 1.e+3\ne: .inf\nf: 1_000\ng: 12:30:45"),
    *(
        "x: &a {b: 1}\ny: *a\nz:\n  <<: *a\n  c: 2",
        "a: *b",
        "a: &b 1\nc: &b 2",
        "<<: [{b: 1}, {b: 2}]",
        "=: 1",
    ),
    *(
        "? a\n: b",
        "? [a, b]\n: c",
        "a: |\n  x\n  y\n",
        "a: >-\n x\n y\n",
        "a: {b: 1,}",
        "a: [1,,2]",
        "a\nb: c",
    ),
    *(
        "a: !!python/object:os.system 1",
        "a: !x 1",
        "a: !!set {x, y}",
        "a: !!binary aGk=",
        "a: @b",
        "%TAG ! x\n---\na: 1",
    ),
    *(
        "a: \U0001f600",
        "a: b\x85c: d",
        "a: b\u2028c",
        "\ufeffa: 1",
        "a: \x07",
        "a: \x00",
        'a: "\\u00e9"',
        "a: 1 # c",
    ),
]


@pytest.mark.parametrize("text", [*WRITTEN, *sorted(map(str, Path("cluster").rglob("*.yaml")))])
def test_what_is_read_fast_is_what_pyyaml_itself_reads(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And where that refuses, so does the other, with the same words."""
    text = Path(text).read_text() if text.endswith(".yaml") else text
    monkeypatch.setattr("schemas.config._FAST", yaml.CSafeLoader)
    fast = said(text)
    monkeypatch.setattr("schemas.config._FAST", yaml.SafeLoader)
    assert fast == said(text)


def said(text: str) -> str:
    """Of a text of one document, or more in a stream, what is read, or what is wrong."""
    try:
        return repr(parsed(text, "here"))
    except UserError as error:
        return str(error)


@pytest.mark.parametrize(
    "override",
    [
        "rules=[{what: person, do: regenerate}]",
        "rules=[{what: person, do: regenerate, except: [C-1]}, {what: face, do: blur}]",
        "variant=structall",
        "identity.body=source",
        "labels=5",
        "gates={}",
        "mask={}",
    ],
)
@pytest.mark.parametrize("policy", ["driving", "robotics", "strict"])
def test_what_does_not_go_together_is_said_without_all_settings(policy: str, override: str) -> None:
    said = ""
    try:
        load(Policy, f"cluster/policies/{policy}.yaml", [override], "policy.")
    except UserError as error:
        said = str(error)
    assert len(said) < 400 and ": :" not in said


@pytest.mark.parametrize("shown", ["labels=coco", "labels=parquet", "publish_conditioning=true"])
def test_strict_publishes_nothing_that_tells_poses(shown: str) -> None:
    with pytest.raises(UserError, match="strict publishes no"):
        load(Policy, "cluster/policies/strict.yaml", [shown])
    assert load(Policy, "cluster/policies/strict.yaml", [shown, "name=ours"]).name == "ours"
