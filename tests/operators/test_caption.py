import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from operators.caption import caption_from_cues, embed_words, sample_persona

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


def test_words_are_fixed_vectors_and_nothing_is_zero() -> None:
    assert not embed_words("").any()
    embedded = embed_words("Long red coat")
    assert embedded.shape == (24, 64)
    assert embedded[:3].any(axis=1).all()
    assert not embedded[3:].any()
    np.testing.assert_array_equal(embedded, embed_words("long  RED coat"))


def test_a_colour_belongs_to_its_phrase() -> None:
    assert (embed_words("red coat, blue shoes") != embed_words("blue coat, red shoes")).any()
    np.testing.assert_array_equal(embed_words("red coat, blue shoes")[2:4], embed_words("blue shoes")[:2])


def test_long_prompts_are_cut() -> None:
    assert embed_words("word " * 100).any(axis=1).all()


def test_a_clip_without_people_says_so() -> None:
    assert caption_from_cues([]) == "no people"
    assert caption_from_cues(["red top"]) == "red top"
