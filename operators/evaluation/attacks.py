"""Attackers who learn: from pairs of what is published and what it was made of, of other people than they look for.

Both are ridge regressions in their dual form (Saunders et al., ICML 1998) of what is between the two: who learns
nothing still compares as they are. `reversal` has a layer of hidden units before it, whose weights are random and not
trained (Rahimi and Recht, NeurIPS 2007): a small network that is trained exactly, always the same. A larger one would
need more pairs than most evaluations have.
"""

from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np

from operators.evaluation.judges.bodies import Embedder, beside
from operators.models.witnesses.reid import SIZE
from schemas.evaluation import Look

_RIDGE = 0.1  # of the mean square of a feature vector
_FOLDS = 2
_HIDDEN = 512  # units
_SMALL = 12, 24  # px of a picture that is learnt from

Learner = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]  # given, wanted, asked -> answers


def parrot(made: Sequence[Look], source: Sequence[Look]) -> np.ndarray:
    """float [N,D]: for each look of `made` what the attacker expects the embeddings of its original to be.

    The attacker learns from other people's pairs: embeddings and pictures of `made` against the embeddings of the
    `source`'s look of the same clip and person. NaN where there is nobody to learn from.
    """
    return _learnt(made, source, _seen, lambda look: np.asarray(look.body.ravel()))


def reversal(
    made: Sequence[Look], source: Sequence[Look], embedders: Mapping[str, Embedder]
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Embeddings float [N,D] of the originals as the attacker paints them from `made`, and those pictures.

    Pictures are uint8 [96,48,3]. Learnt as in `parrot`, from pictures to pictures.
    """
    painted = _learnt(made, source, _picture, _picture, _network)
    size = (*_SMALL[::-1], 3)
    pictures = [
        cv2.resize(
            np.clip(np.nan_to_num(one.reshape(size)) * 255 + 128, 0, 255).astype(np.uint8),
            SIZE[::-1], interpolation=cv2.INTER_CUBIC,
        )
        for one in painted
    ]  # fmt: skip
    if not pictures:
        return np.zeros((0, 1)), []
    vectors = np.concatenate(beside([embed(pictures) for embed in embedders.values()]), axis=1)
    return np.where(np.isfinite(painted).all(axis=1, keepdims=True), vectors, np.nan), pictures


def _learnt(
    made: Sequence[Look], source: Sequence[Look],
    given: Callable[[Look], np.ndarray], wanted: Callable[[Look], np.ndarray], learner: Learner | None = None,
) -> np.ndarray:  # fmt: skip
    originals = {(look.clip, look.person, look.outfit): look for look in source}
    pairs = [originals.get((look.clip, look.person, look.outfit)) for look in made]
    people = sorted({look.person for look in made})
    fold = np.array([people.index(look.person) % _FOLDS for look in made], int)
    features = np.stack([given(look) for look in made]) if made else np.zeros((0, 1))
    shown = np.stack([wanted(look) for look in made]) if made else np.zeros((0, 1))
    found = np.full_like(shown, np.nan)
    for held in range(_FOLDS):
        learn = [i for i, pair in enumerate(pairs) if pair is not None and fold[i] != held]
        if len(learn) > 1:
            apart = np.stack([wanted(pairs[i]) - shown[i] for i in learn])  # type: ignore[arg-type]
            asked = fold == held
            found[asked] = shown[asked] + (learner or _ridge)(features[learn], apart, features[asked])
    return found


def _ridge(given: np.ndarray, wanted: np.ndarray, asked: np.ndarray) -> np.ndarray:
    middle, mean = given.mean(axis=0), wanted.mean(axis=0)
    given, asked = given - middle, asked - middle
    alike = given @ given.T
    weight = _RIDGE * max(float(np.trace(alike)), 1e-9)
    answer = (
        asked @ given.T @ np.linalg.solve(alike + weight / len(given) * np.eye(len(given)), wanted - mean)
    )
    return np.asarray(answer + mean)


def _network(given: np.ndarray, wanted: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """The ridge regression of inputs and hidden units."""
    middle, spread = given.mean(axis=0), max(float(given.std()), 1e-6)
    weights = np.random.default_rng(0).normal(size=(given.shape[1], _HIDDEN)) / np.sqrt(given.shape[1])
    learnt, met = ((some - middle) / spread for some in (given, asked))
    inner, outer = (np.concatenate([some, np.maximum(some @ weights, 0)], axis=1) for some in (learnt, met))
    return _ridge(inner, wanted, outer)


def _seen(look: Look) -> np.ndarray:
    return np.concatenate(
        [np.nan_to_num(look.body).ravel(), np.nan_to_num(look.head).ravel(), _picture(look)]
    )


def _picture(look: Look) -> np.ndarray:
    small = cv2.resize(look.picture, _SMALL, interpolation=cv2.INTER_AREA)
    return np.asarray((small.astype(np.float32) - 128) / 255).ravel()
