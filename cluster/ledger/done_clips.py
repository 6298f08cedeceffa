"""The filter behind a plan's read that leaves out the clips that are done."""

import numpy as np
import ray
from ray import cloudpickle
from ray.data.checkpoint import CheckpointConfig, NumpyArrayBasedCheckpointFilter


class DoneClips(NumpyArrayBasedCheckpointFilter):
    """Ray's own, whose actor is handed the reference to the sorted ids as bytes.

    Of a reference among an actor's arguments Ray says on standard error in every run that goes on with something, good
    or bad: "Actor with class name ... has constructor arguments in the object store and max_restarts > 0. If the
    arguments in the object store go out of scope or are lost, the actor restart will fail." The driver keeps the ids
    for as long as it lives, so they are not lost.
    """

    def __init__(self, checkpoint_config: CheckpointConfig, handed: bytes) -> None:
        super().__init__(checkpoint_config, cloudpickle.loads(handed))


def hand(ids: np.ndarray) -> bytes:
    """Put the ids into the object store, where they stay until the driver ends; returns what `DoneClips` takes."""
    return bytes(cloudpickle.dumps(ray.put(ids)))
