"""Looks for the people of a clip. None is ever taken from a person in the footage: they are sampled."""

from collections.abc import Mapping, Sequence

import numpy as np


def sample_persona(
    seed: int,
    distribution: Mapping[str, Sequence[str]],
    weights: Mapping[str, Mapping[str, float]] | None = None,
) -> str:
    """One look, e.g. "adult; long-sleeved red top, black trousers", a word from each list of the profile.

    Uniformly, or by the policy's `weights` of words, 1 where it names none. The same seed always gives the same look;
    balance between groups is a matter of lists and weights alone.
    """
    rng, words = np.random.default_rng(seed), []
    for name, choices in distribution.items():
        shares = np.array([(weights or {}).get(name, {}).get(choice, 1.0) for choice in choices])
        even = (shares == shares[0]).all()
        words.append(str(rng.choice(list(choices), p=None if even else shares / shares.sum())))
    return ", ".join(words)
