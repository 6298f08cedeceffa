"""A plan's clips are those that its key made, each by all that its id is of; and a million of them are asked soon."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cluster.ledger import own_plan, plans
from cluster.ledger.own_plan import require_own
from cluster.ledger.plans import Plan
from operators.planning.probe import named, source_key
from schemas.arrow import to_table
from schemas.clip import ClipRef
from schemas.errors import UserError
from schemas.listed import Listed
from tests.cluster.toy import make_ref

KEY = b"k" * 32
SOMEBODY = Listed(0, 1.0, 2.0, 3.0, 4.0)


def clips(sources: int, each: int, listed: bool = False) -> list[ClipRef]:
    """`each` of every source; of some somebody is listed."""
    made = []
    for number in range(sources):
        key = source_key(f"{number}.mp4", KEY)
        for clip in range(each):
            ref = replace(make_ref(number), key=f"{key}-{clip:06d}", first_frame=5 * clip)
            made.append(named(replace(ref, listed=[SOMEBODY] * (listed and clip % 2)), KEY))
    return made


def plan(folder: Path, refs: list[ClipRef]) -> Plan:
    plans.write_clips(str(folder), "00-x", to_table(refs, ClipRef))
    return Plan(str(folder))


@pytest.mark.parametrize("listed", [False, True])
def test_what_was_planned_with_the_key_is_its_own(tmp_path: Path, listed: bool) -> None:
    own = plan(tmp_path, clips(3, 4, listed))
    require_own(own, KEY)
    with pytest.raises(UserError, match=r"not planned with its release\.key"):
        require_own(own, b"K" * 32)


@pytest.mark.parametrize(
    "change",
    [
        {"clip_id": 7},
        {"source_hmac": "0" * 32},
        {"source_hmac": ""},
        {"source_digest": "0" * 64},
        {"source_digest": ""},
        {"key": f"{'0' * 20}-000001"},
        {"first_frame": 6},
        {"overlap": 0},
        {"pts": [0, 1]},
        {"listed": []},
        {"listed": [replace(SOMEBODY, x0=1.5)]},
        {"listed": [replace(SOMEBODY, consent="C-1", by="clerk")]},
    ],
    ids=str,
)
def test_a_clip_of_another_source_or_window_or_with_others_listed_is_refused(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    refs = clips(2, 4, listed=True)
    refs[3] = replace(refs[3], **change)
    with pytest.raises(UserError, match=r"not planned with its release\.key"):
        require_own(plan(tmp_path, refs), KEY)


def test_a_clip_costs_one_hmac_and_a_source_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked before every run: of a million clips that took twice as long."""
    asked: list[str] = []
    for name in ("clip_id", "source_hmac"):
        real = getattr(own_plan, name)
        monkeypatch.setattr(own_plan, name, lambda *a, name=name, real=real: asked.append(name) or real(*a))
    require_own(plan(tmp_path, clips(3, 50)), KEY)
    assert (asked.count("clip_id"), asked.count("source_hmac")) == (150, 3)
