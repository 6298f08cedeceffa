"""Counters for watching a run: Prometheus reads them from Ray's own exporter, as `ray_` and the names below.

What is counted is what the write tasks put into shards. A write that is repeated counts twice, and a worker that dies
takes the last seconds along: the accounts are OUT/stats, these are for dashboards and alarms. No label holds
anything of a clip: verdicts, gates and stages are few and fixed.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache

from ray.util import metrics

from operators.release.shard_writer import VERDICT_OF, EndedClip
from operators.stopwatch import STAGE_OF
from schemas.clip import QuarantinedClip, ReleasedClip
from schemas.profile import Pools

log = logging.getLogger("recast")
COUNTERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "recast_clips_total": ("Clips that have ended", ("verdict",)),
    "recast_frames_total": ("Frames of clips that have ended", ("verdict",)),
    "recast_people_total": ("People in released clips", ()),
    "recast_gate_failures_total": ("Clips that a gate stopped", ("gate",)),
    "recast_stage_seconds_total": ("Seconds that actors worked", ("stage",)),
    "recast_gpu_seconds_total": ("Seconds that actors worked, times their share of a GPU", ("stage",)),
    "recast_video_seconds_released_total": ("Seconds of video released", ()),
}
Counts = Counter[tuple[str, tuple[str, ...]]]


def tally(rows: Iterable[EndedClip], counts: Counts, pools: Pools | None) -> Iterator[EndedClip]:
    """Pass `rows` through and add what they count to `counts`, by name and label values.

    What cannot be counted is said in the log and passes all the same: figures for dashboards stop no write.
    """
    for row in rows:
        try:
            _count(row, counts, pools)
        except Exception:
            log.warning("clip %d is not in the metrics", row.ref.clip_id, exc_info=True)
        yield row


def _count(row: EndedClip, counts: Counts, pools: Pools | None) -> None:
    verdict = VERDICT_OF[type(row)]
    counts["recast_clips_total", (verdict,)] += 1
    counts["recast_frames_total", (verdict,)] += row.ref.frames
    for part, seconds in row.seconds.items():
        stage = STAGE_OF.get(part, "other")
        counts["recast_stage_seconds_total", (stage,)] += seconds  # type: ignore[assignment]
        share = getattr(pools, stage).num_gpus if pools and stage != "other" else 0.0
        counts["recast_gpu_seconds_total", (stage,)] += seconds * share  # type: ignore[assignment]
    if isinstance(row, ReleasedClip):
        length = row.ref.frames * row.ref.fps_den / row.ref.fps_num
        counts["recast_video_seconds_released_total", ()] += length  # type: ignore[assignment]
        counts["recast_people_total", ()] += row.certificate.people
    elif isinstance(row, QuarantinedClip):
        for gate in {gate.name for gate in row.gates if not gate.passed}:
            counts["recast_gate_failures_total", (gate,)] += 1


def publish(counts: Counts) -> None:
    """Add `counts` to this process's counters. Never raises: the shard is written."""
    try:
        for (name, values), amount in counts.items():
            if amount:
                _counter(name).inc(amount, tags=dict(zip(COUNTERS[name][1], values, strict=True)))
    except Exception:
        log.warning("a shard is not in the metrics", exc_info=True)


@cache
def _counter(name: str) -> metrics.Counter:
    description, labels = COUNTERS[name]
    return metrics.Counter(name, description=description, tag_keys=labels)
