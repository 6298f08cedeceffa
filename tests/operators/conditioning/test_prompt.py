import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from operators.conditioning.persona import sample_persona
from operators.conditioning.prompt import caption_from_cues
from operators.generation.phrase_embedding import embed_phrases

LISTS = {"top": ["red top", "blue top"], "bottom": ["black trousers", "beige trousers"]}


@given(st.integers(0, 2**63 - 1))
def test_a_look_is_one_of_each_list_and_its_seeds_alone(seed: int) -> None:
    look = sample_persona(seed, LISTS)
    top, bottom = look.split(", ")
    assert top in LISTS["top"]
    assert bottom in LISTS["bottom"]
    assert look == sample_persona(seed, LISTS)


def test_every_look_is_drawn_about_equally_often() -> None:
    tops = [sample_persona(seed, LISTS).split(", ")[0] for seed in range(400)]
    assert 140 < tops.count("red top") < 260


def test_phrases_are_fixed_vectors() -> None:
    assert not embed_phrases("").any()
    embedded = embed_phrases("Long red coat, blue shoes")
    assert embedded.shape == (24, 64)
    assert embedded[:2].any(axis=1).all()
    assert not embedded[2:].any()
    np.testing.assert_array_equal(embedded, embed_phrases("long  RED coat; blue shoes"))


def test_a_colour_belongs_to_its_phrase() -> None:
    assert (embed_phrases("red coat, blue shoes") != embed_phrases("blue coat, red shoes")).any()
    np.testing.assert_array_equal(embed_phrases("red coat, blue shoes")[1], embed_phrases("blue shoes")[0])


def test_colours_are_numbers_that_dark_and_light_change() -> None:
    red, dark, very_dark, light = (
        embed_phrases(f"{tone} red coat")[0, 52:55].sum() for tone in ("", "dark", "very dark", "light")
    )
    assert very_dark < dark < red < light


def test_long_prompts_are_cut() -> None:
    assert embed_phrases("word, " * 100).any(axis=1).all()


def test_a_clip_without_people_says_so() -> None:
    assert caption_from_cues([]) == "no people"
    assert caption_from_cues(["red top"]) == "red top"
