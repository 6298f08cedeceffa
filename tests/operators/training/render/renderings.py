"""A rendering that nobody rendered, for what writes and reads shards."""

import numpy as np

from operators.training.render.film import Rendering


def rendering(seed: int = 0, split: str = "train", kind: str = "crop") -> Rendering:
    """One person, a rectangle in the right half of 32 x 48 noise, whose joints are in it but for one outside."""
    rng = np.random.default_rng(seed)
    masks = np.zeros((5, 32, 48), np.uint8)
    masks[:, 4:28, 30:40] = 1
    points = np.full((5, 1, 17, 3), [35, 16, 2], np.float32)
    points[:, 0, 3] = [60, 10, 0]
    depth = np.full(masks.shape, 20, np.float32)
    depth[masks == 1], depth[:, :2] = 4, 0
    person = {
        "id": 1,
        "identity_seed": seed,
        "outfit_seed": seed,
        "height_px": [24.0, 24.0],
        "frames_visible": 5,
        "looks": {"skin": "brown", "hair": "black hair"},
        "garments": {"top": "red top"},
    }
    facts = {
        "kind": kind,
        "split": split,
        "seed": seed,
        "scene_seed": seed,
        "fps": 12,
        "frames": 5,
        "size": [48, 32],
        "people": [person],
        "occluders": [],
    }
    return Rendering(rng.integers(0, 256, (5, 32, 48, 3), np.uint8), masks, points, depth, facts)
