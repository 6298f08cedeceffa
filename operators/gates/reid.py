"""Could who was there be told by their looks from who is shown now?"""

from collections.abc import Sequence

import numpy as np

from operators.actor.drawing.film import cleared, film_of
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
    """Likeness of bodies and heads, by their embeddings, against the policy's limits; arguments as of `Likeness`.

    Through haze all strangers are alike, so it is taken away first, as far as the source has it beside the bodies.
    """
    film = film_of(source, body)
    whole, head = likeness(cleared(output, film), cleared(source, film), body, people)
    return [
        Gate.at_most("body likeness", whole, limits.body_likeness),
        Gate.at_most("head likeness", head, limits.head_likeness),
    ]
