"""Could who was there be told by their looks from who is shown now?"""

from collections.abc import Sequence

import numpy as np

from operators.models.witnesses.reid import Likeness
from schemas.certificate import Gate
from schemas.clip import Person
from schemas.policy import Gates


def not_recognised(
    likeness: Likeness,
    output: np.ndarray,
    source: np.ndarray,
    body: np.ndarray,
    people: Sequence[Person],
    limits: Gates,
) -> list[Gate]:
    """Likeness of bodies and heads, by their embeddings, against the policy's limits; arguments as of `Likeness`."""
    whole, head = likeness(output, source, body, people)
    return [
        Gate.at_most("body likeness", whole, limits.body_likeness),
        Gate.at_most("head likeness", head, limits.head_likeness),
    ]
