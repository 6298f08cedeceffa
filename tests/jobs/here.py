"""The jobs with their stages in this process: what Ray brings to them is what other tests are about.

A model is loaded once for all runs that name it with the same settings, and plates made once for the same pictures.
Clips go through the very stages into the very sink, block by block (tests/rows.py), and so do the job's passes, its
ladder and its ledger.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import operators.audit
import operators.conditioning.cue_models
import operators.conditioning.redact
import operators.gates.text
from operators.models.known_answer import Sight
from tests import plates, rows
from tests.jobs import small
from tests.jobs.small import Done

# Who loads what the stages look with; each stage has its own, as in a process of its own.
LOADERS: dict[ModuleType, list[str]] = {
    operators.conditioning.cue_models: [
        *("pose_model", "segment_model", "depth_model", "scene_model", "Witness", "FaceDetector"),
    ],
    operators.conditioning.redact: ["TextReader", "ObjectDetector"],
    operators.audit: ["Witness", "FaceDetector", "FinalLook", "Likeness"],
    operators.gates.text: ["TextReader"],
}


def once(load: Callable[..., Any]) -> Callable[..., Any]:
    """The same, but asked once with the same arguments: settings say all of themselves in their `repr`."""
    kept: dict[str, Any] = {}

    def loaded(*arguments: Any) -> Any:
        name = repr(arguments)
        if name not in kept:
            kept[name] = load(*arguments)
        return kept[name]

    return loaded


ONCE = [(place, name, once(getattr(place, name))) for place, names in LOADERS.items() for name in names]


def models_once(patch: pytest.MonkeyPatch) -> None:
    """Until `patch` is undone models are loaded once, and not asked again after each clip whether they still see.

    To ask takes as long as those few frames do: test_known_answer.py is about that, and on Ray the jobs do it.
    """
    for place, name, loaded in ONCE:
        patch.setattr(place, name, loaded)
    for place in (operators.conditioning.cue_models, operators.audit):
        patch.setattr(place, "Sight", lambda _: Sight({}))


def job(name: str, *arguments: str) -> Done:
    """Run `python -m jobs.NAME` to its end."""
    with rows.here() as patch:
        models_once(patch)
        plates.make_once(patch)
        return small.job(name, *arguments)
