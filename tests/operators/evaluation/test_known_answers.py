"""What is known before: who is passed through is found, who is blacked out by chance, and one leak is seen as one."""

import json
from dataclasses import replace
from fractions import Fraction
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
import pytest

from operators.evaluation.attacker import Attacker
from operators.evaluation.attacks import parrot, reversal
from operators.evaluation.axes import Axis, axes, gain, unseen
from operators.evaluation.before import Before
from operators.evaluation.beside.jumps import jumps, steady
from operators.evaluation.exposure import EXPOSED, exposure
from operators.evaluation.figures import methods_of, ratios
from operators.evaluation.interval import figure
from operators.evaluation.judges.models import JudgeModels, mirrored
from operators.evaluation.keyed import linked_by_key
from operators.evaluation.looks import looks, proportions, retargeted, scene
from operators.evaluation.measure import exposed
from operators.evaluation.quality import quality
from operators.evaluation.questions import questions
from operators.evaluation.recognition import rank1_at, search
from operators.evaluation.summary import bodies, summary, worst
from operators.evaluation.trained import glimpses, places, train_on_output
from operators.evaluation.utility import utility
from operators.evaluation.warping import flow
from operators.evaluation.who import Somebody
from operators.generation.disguise import disguised
from operators.models.people.ensemble import People
from operators.pages.evaluation import answer
from operators.planning.probe import source_hmac
from operators.release.control import blind
from operators.training.synthetic_people import RenderedClip, read_people
from operators.video.encode import decode_bytes, encode_video
from schemas.config import load
from schemas.cues import Patch
from schemas.evaluation import (
    BASELINES,
    CONTROL,
    HEIGHTS,
    RECAST,
    SOURCE,
    Judges,
    Look,
    Measured,
    Ratio,
    Statistic,
)
from schemas.policy import Policy
from schemas.profile import Profile
from schemas.rules import Disguise

FRAMES, EVERY = 8, 2
METHODS = (RECAST, CONTROL, "pixelate")  # blackout stands in for Recast: of both the answer is known
EMBEDDERS = JudgeModels.embedders_of(load(Judges, "cluster/judges/embedded.yaml"))
JUDGES = JudgeModels(lambda frames: [nobody(0)] * len(frames), EMBEDDERS, None, EVERY)


def true_people(clip: RenderedClip, moments: list[int]) -> list[People]:
    """What a detector would see that is never wrong."""
    found = []
    for t in moments:
        there = [number for number in range(1, len(clip.people) + 1) if (clip.masks[t] == number).any()]
        masks = [Patch.of(clip.masks[t] == number) for number in there]
        boxes = np.array([mask.box for mask in masks], np.float32).reshape(-1, 4)
        joints = clip.keypoints[t, [number - 1 for number in there]] * np.float32([1, 1, 0.5])
        found.append(People(boxes, np.ones(len(there), np.float32), joints, masks))
    return found


def before_of(clip: RenderedClip) -> Before:
    """A clip as the job sees it, with ground truth."""
    mask = np.stack([cv2.dilate((one > 0).astype(np.uint8), np.ones((17, 17))) > 0 for one in clip.masks])
    people = [(str(one["identity_seed"]), str(one["outfit_seed"])) for one in clip.people]
    moments = list(range(0, FRAMES, EVERY))
    flows = {t: flow(clip.frames[t - 1], clip.frames[t]) for t in moments if t}
    somebody = Somebody(clip.masks.astype(np.int32), people)
    return Before(clip.frames, mask, somebody, moments, true_people(clip, moments), None, flows)


def encoded(frames: np.ndarray) -> np.ndarray:
    """As a release is."""
    video = encode_video(frames, list(range(len(frames))), Fraction(1, 12), Fraction(12), 18, "veryfast")
    return decode_bytes(video)


def shown_as(method: str, before: Before) -> np.ndarray:
    if method == CONTROL:
        return encoded(before.frames)
    return encoded(disguised("blackout" if method == RECAST else "pixelate", before.frames, before.mask))


@pytest.fixture(scope="module")
def clips() -> list[RenderedClip]:
    """Three streets with nine people of known identity."""
    return [clip.window(0, FRAMES) for clip in read_people(Path("tests/data"), "street-val.tar")]


@pytest.fixture(scope="module")
def measured(clips: list[RenderedClip]) -> list[Measured]:
    """Exposure, looks and scenes of all methods."""
    found = []
    for clip in clips:
        before, name = before_of(clip), (clip.key, f"{clip.key}-000000")
        seen = looks(SOURCE, name, clip.frames, before, before.seen, JUDGES)
        times, where = np.arange(FRAMES) / 12 + len(found) * np.arange(FRAMES) / 1e3, places(before)
        scenes, counts = [scene(SOURCE, name, clip.frames, before, times)], []
        shown = glimpses(SOURCE, name, clip.frames, where)
        for method in METHODS:
            made = shown_as(method, before)
            people = before.seen if method == CONTROL else list(map(nobody, before.moments))
            seen += looks(method, name, made, before, people, JUDGES)
            nominal = np.arange(FRAMES) / 12 if method == RECAST else times
            scenes.append(scene(method, name, made, before, nominal))
            shown += glimpses(method, name, made, where)
            counts += [Ratio(method, what, name[1], *pair) for what, *pair in exposed(made, before, True)]
        found.append(Measured(clip.key, [name[1]], [], counts, seen, scenes, shown))
    return found


def nobody(_moment: int) -> People:
    nothing = np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 17, 3), np.float32)
    return People(*nothing, [])


def test_who_is_passed_through_is_found_and_who_is_black_is_found_by_chance(measured: list[Measured]) -> None:
    attacker = Attacker(measured, EMBEDDERS)
    control, _ = attacker.identity(CONTROL)
    assert control["body R-1"].value == 1
    assert control["body told from strangers"].value > 0.99
    black, _ = attacker.identity(RECAST)
    assert black["body R-1"].low <= black["body R-1"].chance
    assert black["body told from strangers"].low <= 0.6
    assert black["body likeness"].value < 0.4 < 0.8 < control["body likeness"].value
    pixels, curves = attacker.identity("pixelate")
    assert black["body R-1"].value < pixels["body R-1"].value
    assert curves["rank1"] == sorted(curves["rank1"], reverse=True)


def test_a_shuffled_gallery_gives_chance(measured: list[Measured]) -> None:
    figures, _ = Attacker(measured, EMBEDDERS).identity(CONTROL)
    shuffled = figures["shuffled R-1"]
    assert shuffled.value < 0.5 < figures["body R-1"].value
    assert shuffled.low <= shuffled.chance <= shuffled.high


def test_attackers_who_learn_find_whom_they_are_shown_and_not_whom_they_are_not(
    measured: list[Measured],
) -> None:
    attacker = Attacker(measured, EMBEDDERS)
    for attack in ("parrot", "reversal"):
        shown, black = (attacker.attack(method, attack)[f"{attack} R-1"] for method in (CONTROL, RECAST))
        assert gain(shown) > 0.6, attack
        assert black.low <= black.chance, attack
    gallery = attacker.looks[SOURCE]
    assert len(parrot(attacker.looks[CONTROL], gallery)) == len(attacker.looks[CONTROL])
    assert reversal([], gallery, EMBEDDERS)[1] == []


def test_who_reverses_learns_what_is_not_linear() -> None:
    """Dark and bright are swapped for gray, of people whom nobody has seen."""
    levels = np.linspace(10, 245, 48)
    rng = np.random.default_rng(0)

    def look(method: str, number: int, level: float) -> Look:
        nothing, picture = np.zeros(1), np.full((96, 48, 3), level) + rng.normal(0, 2, (96, 48, 3))
        vectors = np.zeros((1, 1)), np.zeros((1, 1)), nothing, nothing, nothing
        return Look(
            method, f"{number}", f"{number}", f"{number:02d}", "", 100.0, *vectors, picture.astype(np.uint8)
        )

    made = [look(RECAST, number, level) for number, level in enumerate(levels)]
    source = [look(SOURCE, number, 250 - 2 * abs(level - 128)) for number, level in enumerate(levels)]

    def light(pictures: list[np.ndarray]) -> np.ndarray:
        return np.array([[one.mean()] for one in pictures])

    _, painted = reversal(made, source, {"light": light})
    errors = [abs(one.mean() - two.picture.mean()) for one, two in zip(painted, source, strict=True)]
    assert np.mean(errors) < 20, "a line misses them by 59 on average"


def test_places_and_motion_that_are_kept_are_found(measured: list[Measured]) -> None:
    attacker = Attacker(measured, EMBEDDERS)
    for method in METHODS:
        assert attacker.attack(method, "linkage")["place R-1"].value == 1, "the background is the source's"
    moved, still = (attacker.attack(method, "gait")["motion R-1"] for method in (CONTROL, RECAST))
    assert gain(moved) > 0.6, "of whom too few joints are seen, nothing is known"
    assert still.value == pytest.approx(still.chance, abs=0.01), "of whom no joint is found"


def test_who_learns_from_a_pass_through_finds_whom_others_find_and_who_learns_from_black_does_not(
    measured: list[Measured],
) -> None:
    attacker = Attacker(measured, EMBEDDERS)
    shown, black, pixels = (attacker.trained(method) for method in (CONTROL, RECAST, "pixelate"))
    real = attacker.trained(SOURCE)
    assert [one.value for one in real.values()] == [1, 1], "the very same pictures"
    for name in ("trained detector", "trained tracker"):
        assert 0.6 < shown[name].value <= 1.2, "but for the codec"
        assert black[name].value < 0.2 and pixels[name].value < 0.6 * shown[name].value
        assert shown[name].count > 5, "there is somebody to be found"
    assert (
        train_on_output([one for one in attacker.glimpses if one.source == measured[0].source], SOURCE) == {}
    )


def test_timestamps_tell_the_source_unless_they_are_nominal(measured: list[Measured]) -> None:
    attacker = Attacker(measured, EMBEDDERS)
    kept, nominal = (attacker.attack(method, "linkage")["timestamps R-1"] for method in (CONTROL, RECAST))
    assert (kept.value, kept.chance) == (1, pytest.approx(1 / 3))
    assert nominal.value == pytest.approx(1 / 3), "all are nearest to the one source that has no jitter"


def test_a_body_that_is_everybodys_has_no_proportions_of_its_own(measured: list[Measured]) -> None:
    """What is left of gait is how somebody moves."""
    joints = np.random.default_rng(0).normal(size=(5, 17, 2)).astype(np.float32)
    tall = proportions(retargeted(joints * np.float32([0.7, 1.4])))
    np.testing.assert_allclose(tall[:7], proportions(retargeted(joints))[:7], atol=2e-3)
    assert np.abs(proportions(joints * np.float32([0.7, 1.4])) - proportions(joints))[:7].max() > 0.01
    figures = Attacker(measured, EMBEDDERS).attack(CONTROL, "gait")
    assert figures["retargeted motion R-1"].value is not None
    assert figures["retargeted proportions and stride R-1"].value <= figures["motion R-1"].value


def test_an_evaluation_says_whose_limbs_are_shown() -> None:
    profile = load(Profile, "cluster/profiles/embedded.yaml")
    painting = load(Profile, "cluster/profiles/embedded.yaml", ["generator.people=diffusion"])
    own, shown = (
        load(Policy, "cluster/policies/driving.yaml", [f"identity.body={of}"]) for of in ("actor", "source")
    )
    assert "actors' own" in bodies(own, profile)
    assert "the source's" in bodies(shown, profile)
    assert "the source's" in bodies(own, painting), "whatever the policy says"


def test_everything_of_a_pass_through_is_exposed_and_nothing_of_black(measured: list[Measured]) -> None:
    assert ratios(measured, CONTROL)["exposed, all heights"].value == 1
    black = ratios(measured, RECAST)
    assert black["exposed, all heights"].value == 0
    assert 0.3 < black["exposed, all heights"].high < 1, "three sources say little"
    assert ratios(measured, CONTROL)["original pixels"].value > 0.95


def test_one_person_left_in_one_frame_is_seen_with_her_height(clips: list[RenderedClip]) -> None:
    before = before_of(clips[0])
    masks, number, t = before.somebody.masks, 1, 5
    body = masks[t] == number
    output = disguised("blackout", before.frames, before.mask)
    output[t][body] = before.frames[t][body]
    hits = [one for one in exposure(encoded(output), before.frames, masks) if one[4] > EXPOSED * one[3]]
    rows = np.flatnonzero(body.any(axis=1))
    assert [(person, frame, height) for person, frame, height, *_ in hits] == [(number, t, np.ptp(rows) + 1)]
    counted = [
        pair for name, *pair in exposed(encoded(output), before, True) if name == "exposed, all heights"
    ]
    assert sum(numerator for numerator, _ in counted) == 1
    truth_unknown = sum(hit for name, hit, _ in exposed(encoded(output), before, False) if "all" in name)
    assert truth_unknown == 0, "the frame is none that the judge looks at"


def test_quality_and_utility_of_the_source_itself_and_of_black(clips: list[RenderedClip]) -> None:
    before = before_of(clips[0])
    judges = JudgeModels(lambda frames: before.seen[: len(frames)], EMBEDDERS, None, EVERY)
    for name, made, real in quality(before.frames, before):
        assert made == (0 if name == "frozen" else real)
    black = disguised("blackout", before.frames, before.mask)
    assert all(made == 1 for name, made, _ in quality(black, before) if name == "frozen")
    found = list(utility(before.frames, before, before.seen, judges))
    names = {name for name, *_ in found if not name.startswith("detector recall, ")}
    assert names == {"detector recall", "pose", "flow", "masked"}
    assert all(got == of for name, got, of in found if name != "masked")
    lost = [
        pair
        for name, *pair in utility(black, before, [nobody(0)] * 4, judges)
        if name in ("pose", "detector recall")
    ]
    assert all(got == 0 < of for got, of in lost)


def test_somebody_who_turns_into_another_has_jumped_and_nobody_else_has(clips: list[RenderedClip]) -> None:
    """Once, from the frame on in which everybody has other colours; who is only disguised stays who they are."""
    seen = 0
    for clip in clips:
        before = before_of(clip)
        same = steady(before.frames, before, EMBEDDERS)
        for method in (CONTROL, "blur", "blackout"):
            made = before.frames if method == CONTROL else disguised(method, before.frames, before.mask)
            assert not any(hit for _, hit, _ in jumps(steady(encoded(made), before, EMBEDDERS), same)), method
        turned = before.frames.copy()
        late = before.somebody.masks > 0
        late[:4] = False
        turned[late] = turned[late][:, [2, 0, 1]]
        found = list(jumps(steady(encoded(turned), before, EMBEDDERS), same))
        seen += int(sum(hit for _, hit, _ in found))
        assert len(found) == len(same) and sum(hit for _, hit, _ in found) <= len(before.somebody.people)
    assert seen >= 6, "of nine people"


@pytest.mark.parametrize("crf", [18, 23, 28])
def test_who_is_passed_through_is_exposed_however_it_is_encoded_and_cloth_of_another_colour_is_not(
    clips: list[RenderedClip], crf: int
) -> None:
    """Of the same lightness any flat cloth is; what has a texture is known again in any colour."""
    before = before_of(clips[0])
    masks, frames = before.somebody.masks, before.frames

    def share(output: np.ndarray, source: np.ndarray) -> float:
        shown = decode_bytes(
            encode_video(output, list(range(len(output))), Fraction(1, 12), Fraction(12), crf, "veryfast")
        )
        found = [one for one in exposure(shown, source, masks) if one[3] > 100]
        return float(np.mean([one[4] > EXPOSED * one[3] for one in found]))

    assert share(frames, frames) == 1
    flat, other = np.full_like(frames, (110, 110, 110)), np.full_like(frames, (110, 110, 110))
    flat[masks > 0], other[masks > 0] = (30, 40, 90), (75, 30, 30)  # navy and maroon, both of luma 43 or 44
    assert share(flat, flat) == 1 and share(other, flat) == 0
    count, height, width = frames.shape[:3]
    coarse = np.random.default_rng(0).normal(0, 20, (count, height // 4, width // 4, 1))
    noise = coarse.repeat(4, axis=1).repeat(4, axis=2)
    rough, tinted = (np.clip(one + noise, 0, 255).astype(np.uint8) for one in (flat + 60.0, other + 60.0))
    if crf < 28:
        assert share(tinted, rough) == 1


def test_axes_lie_between_what_their_figures_leave_them() -> None:
    def one(value: float, low: float | None, high: float | None, chance: float | None = None) -> Statistic:
        return Statistic(value, low, high, 9, 9, chance)

    known = {
        "body R-1": one(0.4, 0.2, 0.6, 0.2), "exposed, all heights": one(0.1, 0.0, 0.3),
        "warping": one(1.25, 0.8, 2.0), "pose": one(0.5, 0.4, 0.7), "lost": one(0.5, 0.25, 0.75),
    }  # fmt: skip
    found = axes(known)
    assert found["privacy"] == Axis(0.75, 0.5, 1.0)
    assert found["quality"] == Axis(0.8, 0.5, 1.0), "as the source lies within the interval"
    assert found["utility"] == Axis(0.25, 0.1, 0.525)
    assert axes(known | {"parrot R-1": one(0.3, None, None, 0.2)})["privacy"] == Axis(0.75), (
        "one of one source"
    )
    assert axes({})["privacy"].value is None
    wide = axes({"face R-1": one(0.5, 0.0, 1.0, 0.5)} | known, ["face R-1"])
    assert wide["privacy"] == found["privacy"], "of two faces nobody tells anything"
    lucky = {"face R-1": one(0.9, 0.0, 1.0, 0.5)}
    assert axes(lucky | known, ["face R-1"])["privacy"] == found["privacy"], "nor by a lucky guess"
    assert axes(lucky, ["face R-1"])["privacy"].value == 0.2, "unless nothing else is known"
    assert axes({name: known[name] for name in ("pose",)})["utility"].value == 0.5


def test_each_question_is_answered_by_a_figure_or_by_why_there_is_none(measured: list[Measured]) -> None:
    attacker = Attacker(measured, EMBEDDERS)
    found = summary(measured, attacker, ["parrot", "linkage", "gait", "reversal"], {}, {})
    for one in found["questions"]:
        assert one["most"] in one["figures"] if one["most"] else one["why"]
        assert all(cell["value"] is not None for cell in (*one["figures"].values(), *one["kept"].values()))
    assert {"place R-1", "timestamps R-1"} <= set(found["questions"][1]["kept"])
    strangers = [
        replace(one, looks=[replace(look, person=f"{look.clip}{look.person}") for look in one.looks])
        for one in measured
    ]
    unknown = summary(strangers, Attacker(strangers, EMBEDDERS), ["linkage"], {}, {})["questions"][1]
    assert unknown["most"] is None and unknown["most_kept"] == "place R-1", (
        "as of footage of which nobody is known"
    )
    assert "the place" in answer(unknown, []) and "1.000" in answer(unknown, [])
    assert found["control"] == [], "three sources tell a pass-through from guessing"
    said, figures = " ".join(found["not_attacked"]), found["methods"][RECAST]["figures"]
    for name, what in (
        ("depth", "depth: "),
        ("face R-1", "faces: "),
        ("exposed by eye", "exposure by eye: "),
    ):
        assert name not in figures or figures[name]["value"] is None
        assert what in said
    assert "VBench" in said and "question answering" in said and "captions before and after" in said
    assert "an attacker who learns from pairs" not in said
    assert "an attacker who learns from pairs" in " ".join(
        summary(measured, attacker, [], {}, {})["not_attacked"]
    )


def test_figures_by_which_not_even_a_pass_through_is_found_answer_no_question(
    measured: list[Measured],
) -> None:
    def one(value: float, low: float | None) -> Statistic:
        return Statistic(value, low, 1.0, 9, 9, 0.1)

    known = {
        "body R-1": one(1, 0.7), "head R-1": one(0.5, 0.1), "face R-1": one(1, None), "parrot R-1": one(1, 0.11),
        "shuffled R-1": one(0.1, 0.0), "exposed, all heights": one(1, 1),
    }  # fmt: skip
    hidden = unseen(known)
    assert hidden == ["face R-1", "head R-1"]
    asked = {name: figure.as_json() for name, figure in known.items()}
    asked["face R-1"] |= {"value": 1.0}
    asked |= {
        name: asked[name] | {"value": 0.2} for name in ("body R-1", "parrot R-1", "exposed, all heights")
    }
    assert questions(asked)[0]["most"] == "face R-1"
    assert questions(asked, hidden)[0]["most"] == "exposed, all heights"
    alone = questions({"face R-1": asked["face R-1"]}, hidden)[0]
    assert alone["most"] == "face R-1" and "says little" in answer(alone, hidden)


def test_judges_who_see_nothing_are_told_by_the_control(measured: list[Measured]) -> None:
    def blindfold(pictures: list[np.ndarray]) -> np.ndarray:
        return np.ones((len(pictures), 64), np.float32) / 8

    unseen = [
        replace(one, looks=[replace(look, body=np.ones_like(look.body) / 8) for look in one.looks])
        for one in measured
    ]
    found = summary(unseen, Attacker(unseen, {"none": blindfold}), [], {}, {})
    assert any(one.startswith("body R-1 of pass-through") for one in found["control"])
    assert blind({}) and blind({CONTROL: None, RECAST: None}) and blind({CONTROL: {"figures": 7}})


def test_the_summary_ranks_methods_and_holds_no_pixel(measured: list[Measured]) -> None:
    attacker = Attacker(measured, EMBEDDERS)
    own = {"lost": figure({one.source: (1.0, 4.0) for one in measured})}
    found = summary(measured, attacker, ["parrot"], own, {"dataset": {}})
    assert list(found["methods"]) == methods_of(measured) == [RECAST, "pixelate", CONTROL]
    axes = {name: method["axes"]["privacy"] for name, method in found["methods"].items()}
    assert axes[CONTROL] == 0 and axes["pixelate"] < axes[RECAST]
    assert found["methods"][RECAST]["figures"]["lost"]["value"] == 0.25
    text = json.dumps(found, allow_nan=False)
    assert not [one.source for one in measured if one.source in text]
    assert [clip["clip"] for clip in worst(measured, 2)] == sorted(one.clips[0] for one in measured)[
        :2
    ] or worst(measured)


def test_who_has_the_key_links_all_and_who_has_another_none() -> None:
    digests = {f"{number:020x}-000000": sha256(bytes([number])).hexdigest() for number in range(6)}
    published = {key: source_hmac(digest, b"release") for key, digest in digests.items()}
    assert linked_by_key(digests, published, b"release").value == 1
    other = linked_by_key(digests, published, b"another")
    assert other.value == 0 and other.chance == pytest.approx(1 / 6)


def test_a_search_counts_ties_as_a_coin_would() -> None:
    def look(person: str, clip: str = "a", outfit: str = "") -> Look:
        nothing = np.zeros(1)
        return Look("", clip, clip, person, outfit or person, 100.0, *[nothing] * 5, picture=nothing)

    gallery = [look("a"), look("b"), look("c"), look("d")]
    (tied,) = search([look("a")], gallery, np.zeros((1, 4)))
    assert (tied.rank1, tied.auc, tied.chance) == (0.25, 0.5, 0.25)
    (first,) = search([look("a")], gallery, np.array([[0.9, 0.1, 0.2, 0.3]]))
    assert (first.rank1, first.ap, first.auc) == (1, 1, 1)
    (unknown,) = search([look("a")], gallery, np.array([[np.nan, 0.1, 0.2, 0.3]]))
    assert (unknown.rank1, unknown.auc) == (0, 0)
    dressed = [look("a", "b", "other"), look("a", "b", "a"), look("b")]
    (clothes,) = search([look("a")], dressed, np.array([[0.1, 0.9, 0.5]]), "clothes")
    assert clothes.rank1 == 0, "the same clothes are left out"
    assert search([look("a")], [look("a"), look("b")], np.zeros((1, 2)), "elsewhere") == []
    beyond = [look("a", "b"), look("b", "c")]
    assert len(search([look("a")], beyond, np.zeros((1, 2)), "elsewhere")) == 1
    kept = [replace(one, scope="video") for one in beyond]
    granted = search([replace(look("a"), scope="video")], kept, np.zeros((1, 2)), "elsewhere")
    assert granted == [], "where the policy keeps one look nobody has to be linked"
    ranked = np.array([[0.5, 0.9, 0.8, 0.7, 0.6, 0.4, 0.3]])
    (fifth,) = search([look("a")], [look(name) for name in "abcdefg"], ranked)
    assert (fifth.rank1, fifth.better < 5, fifth.chance5) == (0, True, pytest.approx(5 / 7))
    assert rank1_at([tied, first], 2) == pytest.approx(0.75)
    assert np.isnan(rank1_at([first], 9))


def test_a_mirror_gives_back_what_is_seen_in_it(clips: list[RenderedClip]) -> None:
    clip = clips[0]
    moments = [0]
    (there,) = mirrored(lambda _frames: true_people(clip.mirror(), moments), clip.frames[:1])
    (truth,) = true_people(clip, moments)
    np.testing.assert_allclose(there.boxes, truth.boxes, atol=0.5)
    np.testing.assert_allclose(there.keypoints[..., :2], truth.keypoints[..., :2], atol=1e-3)
    size = clip.frames.shape[1:3]
    for one, two in zip(there.masks, truth.masks, strict=True):
        np.testing.assert_array_equal(one.within(0, 0, *size), two.within(0, 0, *size))


@pytest.mark.parametrize("name", BASELINES)
def test_a_disguise_changes_what_is_masked_and_nothing_else(
    clips: list[RenderedClip], name: Disguise
) -> None:
    before = before_of(clips[0])
    made = disguised(name, before.frames, before.mask)
    assert (made[~before.mask] == before.frames[~before.mask]).all()
    assert (made[before.mask] != before.frames[before.mask]).any(axis=1).mean() > 0.8


def test_who_is_found_is_told_by_height(measured: list[Measured]) -> None:
    figures, _ = Attacker(measured, EMBEDDERS).identity(CONTROL)
    by_height = [figures[f"body R-1, {name}"] for name in HEIGHTS]
    assert by_height[0].value is None, "nobody under 48 px is looked for"
    assert sum(one.count for one in by_height) == figures["body R-1"].count
    assert all(one.value == 1 for one in by_height[1:])


def test_deviations_are_counted_in_those_of_the_sources_clips() -> None:
    def clip(source: str, method: str, made: float, real: float) -> Measured:
        return Measured(source, [source], [], [Ratio(method, "seam", source, made, real)], [], [], [])

    same = [clip("a", RECAST, 1, 1), clip("b", RECAST, 3, 3)]
    assert ratios(same, RECAST)["seam z"].value == 0, "as the sources are"
    above = [clip("a", RECAST, 4, 1), clip("b", RECAST, 4, 3)]
    assert ratios(above, RECAST)["seam z"].value == 2, "their mean is 2, and they are 1 away from it"
    alike = [clip("a", RECAST, 4, 1), clip("b", RECAST, 4, 1)]
    assert ratios(alike, RECAST)["seam z"].value is None, "of sources that are all the same nothing deviates"
