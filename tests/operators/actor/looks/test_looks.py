"""Who actors are: the draws of the rendered shards, and words that actor and prompt share."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from operators.actor.body.body import make_body
from operators.actor.looks.colours import SKIN_TONES
from operators.actor.looks.persona import follow
from operators.actor.looks.sampling import sample_looks
from operators.actor.looks.words import words
from operators.conditioning.persona import sample_persona
from schemas.errors import UserError


def test_the_shards_people_are_drawn_as_they_were() -> None:
    said = words(sample_looks(3, 30))
    assert (said["skin"], said["hair"]) == ("very dark brown skin", "cropped very dark brown hair")
    assert said["top"] == "loose short-sleeved V-neck vertically striped dark grey top"
    assert said["bottom"] == "dark red shorts"
    assert said["shoes"] == "dark grey shoes with white soles"
    identity = sample_looks(3, 30).identity
    assert make_body(identity.shape).height == pytest.approx(1.813, abs=0.005)


def test_what_is_said_of_somebody_makes_somebody_of_whom_the_same_is_said() -> None:
    for seed in range(60):
        said = words(sample_looks(seed, 10 * seed))
        again = words(follow(", ".join(said.values()), seed + 1))
        assert {aspect: again.get(aspect) for aspect in said} == said


@pytest.mark.parametrize("profile", ["embedded", "paper", "commercial"])
def test_every_word_of_the_profiles_can_be_looked_like(profile: str) -> None:
    persona = yaml.safe_load(Path(f"cluster/profiles/{profile}.yaml").read_text())["persona"]
    for aspect, phrases in persona.items():
        for phrase in phrases:
            said = words(follow(phrase, 5))
            if profile == "embedded":
                assert said[aspect] == phrase


def test_a_sampled_persona_is_followed_whole() -> None:
    persona = yaml.safe_load(Path("cluster/profiles/embedded.yaml").read_text())["persona"]
    for seed in range(20):
        said = sample_persona(seed, persona)
        assert set(said.split(", ")) <= set(words(follow(said, seed)).values())


def test_a_persona_nobody_can_look_like_is_named() -> None:
    with pytest.raises(UserError, match="no actor can look like 'silk sari'"):
        follow("silk sari", 0)
    with pytest.raises(UserError, match="nobody's is 'plaid'"):
        follow("plaid skin", 0)


def test_hardly_anybody_wears_what_looks_like_bare_skin_from_afar() -> None:
    """Be the skin their own or another's; the words that a persona has for clothes hold all the same."""
    persona = yaml.safe_load(Path("cluster/profiles/embedded.yaml").read_text())["persona"]
    pale = np.array(list(SKIN_TONES.values())[:5])
    alike = []
    for seed in range(150):
        phrases = [lines[seed % len(lines)] for lines in persona.values()]
        cloth = np.array(follow(", ".join(phrases), seed).outfit.top_colours[0]) ** (1 / 2.2)
        alike.append(np.linalg.norm(cloth - pale, axis=1).min() < 0.15)
    assert np.mean(alike) <= 0.02


def test_children_are_shorter_than_adults_and_heavy_people_wider() -> None:
    def heights(persona: str) -> list[float]:
        return [make_body(follow(persona, seed).identity.shape).height for seed in range(8)]

    assert max(heights("toddler")) < 1.25
    assert all(child < adult - 0.2 for child, adult in zip(heights("child"), heights("adult"), strict=True))
    wide, slim = (
        np.mean(
            [
                np.ptp(make_body(follow(f"{build} build", seed).identity.shape).vertices[:, 1])
                for seed in range(4)
            ]
        )
        for build in ("heavy", "slim")
    )
    assert wide > slim


def test_the_seed_draws_what_the_persona_leaves_open() -> None:
    assert follow("red top", 1) == follow("red top", 1)
    assert len({words(follow("red top", seed))["hair"] for seed in range(20)}) > 5
