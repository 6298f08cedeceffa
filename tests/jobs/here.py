"""The jobs with their stages in this process: what Ray brings to them is what other tests are about.

Models are loaded once for runs with the same settings, and plates made once for the same pictures. Clips go through the
very stages into the very sink, block by block (tests/rows.py), and so do the job's passes, its ladder and its ledger.
"""

from dataclasses import replace
from functools import lru_cache
from typing import Any

from operators import weights
from operators.audit import GateModels
from operators.conditioning.cue_models import CueModels
from operators.models.known_answer import Sight
from schemas.policy import Policy
from schemas.profile import Profile
from tests import plates, rows
from tests.jobs import small
from tests.jobs.small import Done


def once(models: Any) -> Any:
    """Its `load`, which loads nothing anew for the settings that came last, and asks only then whether they see.

    To ask again after each clip would take as long as those few frames do; test_known_answer.py is about that.
    """
    load = models.load

    @lru_cache(maxsize=1)  # a set of models is a gigabyte
    def loaded(profile: str, policy: str) -> Any:
        made = load(Profile.model_validate_json(profile), Policy.model_validate_json(policy))
        return replace(made, sight=Sight({}))

    return lambda profile, policy: loaded(profile.model_dump_json(), policy.model_dump_json())


CUES, GATES = once(CueModels), once(GateModels)


def job(name: str, *arguments: str) -> Done:
    """Run `python -m jobs.NAME` to its end."""
    with rows.here() as patch:
        patch.setattr(CueModels, "load", CUES)
        patch.setattr(GateModels, "load", GATES)
        plates.make_once(patch)
        # Of the run that is begun here, and not of the tests after it.
        patch.setattr(weights, "_expected", [])
        return small.job(name, *arguments)
