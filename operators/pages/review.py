"""The review page: originals beside results, worst first, for the eyes and the decision of those who may see them."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import cv2
import numpy as np
import pyarrow.compute as pc

from operators import storage
from operators.pages.candidates import Candidates
from operators.pages.html import IN_PLACE, NOTHING, embedded, fitting, not_released, write_page
from operators.recovery.keyed import Keyed
from operators.release import reader
from operators.release.layout import CONDITION, RECORD, VIDEO
from operators.video.decode import DecodeError, decode_clip
from operators.video.encode import encode_video
from schemas.arrow import from_table, schema_of
from schemas.certificate import Gate, margin
from schemas.clip import ClipRef
from schemas.manifest import ManifestRow, Verdict
from schemas.policy import Reviewers

ORIGINAL_SIDE = 640  # px


def write_review(
    plan: str,
    output: str,
    review: str,
    reviewers: Reviewers | None = None,
    clips: int = 40,
    keyed: Keyed | None = None,
) -> str:
    """Write REVIEW/review.html with the original beside every result shown; returns its address.

    Up to `clips` clips: quarantined ones first, with the refused candidate where REVIEW/candidates has it, then
    released ones, each by the margin of the closest gate, the worst first. What is decided there, `reviewers` says;
    which candidate was refused, `keyed`.
    Raises UserError if one of `output` and `review` lies inside the other: originals never sit beside a release.
    """
    storage.keep_apart(output, review, "originals")
    facts, reviewers = reader.require_complete(output, NOTHING), reviewers or Reviewers(groups=[])
    shown = [*_worst(output, "quarantined", clips), *_worst(output, "released", clips)][:clips]
    originals = _originals(plan, shown)
    cards = fitting(_cards(output, zip(shown, originals, strict=True), Candidates(review), reviewers, keyed))
    return write_page(
        review,
        "review.html",
        "review.html.j2",
        dataset=facts,
        cards=cards,
        reviewers=reviewers,
        failed=not_released(output, pc.field("verdict") == "failed"),
        failures=facts["failed"]["clips"],
        **{
            verdict: (sum(card["row"].verdict == verdict for card in cards), facts[verdict]["clips"])
            for verdict in ("quarantined", "released")
        },
    )


def _worst(output: str, verdict: Verdict, count: int) -> Iterator[ManifestRow]:
    """`count` of the clips that ended so: those whose closest gate is furthest on the wrong side first."""
    columns = ["key", "shard", "margin", "source_hmac", "first_frame"]
    clips = reader.batches(reader.parquet_files(output, "manifest"), columns, pc.field("verdict") == verdict)
    order = [("margin", "ascending"), *IN_PLACE]
    for clip in reader.first_of(clips, lambda table: table.sort_by(order), count):
        yield reader.manifest_row(output, clip["shard"], clip["key"])


def _originals(plan: str, shown: Sequence[ManifestRow]) -> Iterator[bytes]:
    """The source's frames of each clip, small. Empty if they cannot be read."""
    wanted = pc.field("clip_id").isin([row.clip_id for row in shown])
    names = list(schema_of(ClipRef).names)
    refs = reader.read_columns(reader.parquet_files(plan, "clips"), names, wanted)
    by_id = {ref.clip_id: ref for ref in from_table(refs, ClipRef)}
    return (_original(by_id[row.clip_id]) for row in shown)


def _cards(
    output: str,
    clips: Iterator[tuple[ManifestRow, bytes]],
    candidates: Candidates,
    reviewers: Reviewers,
    keyed: Keyed | None,
) -> Iterator[dict[str, Any]]:
    """What the page shows of each clip."""
    for row, original in clips:
        problem = None
        if row.verdict == "quarantined":
            problem = reader.quarantine_row(output, row.shard, row.key)
            refused = problem.output_hmac
            result, condition = candidates.read(row.key, refused, keyed) if refused else (b"", b"")
            sha256 = hashlib.sha256(result).hexdigest() if result else refused
            scores = json.loads(problem.gates or "[]")
        else:
            held = reader.members(output, row.shard, row.key)
            sha256, result, condition = row.sha256, held[VIDEO], held.get(CONDITION, b"")
            scores = json.loads(held[RECORD])["certificate"]["gates"]
        gates = [Gate.read(gate) for gate in scores]
        yield {
            "row": row,
            "problem": problem,
            "sha256": sha256,
            "videos": embedded({"original": original, "result": result, "condition": condition}),
            "gates": sorted(((gate, margin([gate])) for gate in gates), key=lambda scored: scored[1]),
            "no_accept": _no_accept(gates, bool(result), reviewers) if problem else "",
        }


def _no_accept(gates: Sequence[Gate], result: bool, reviewers: Reviewers) -> str:
    """Why a reviewer cannot accept a quarantined clip; empty if one can."""
    failed = [gate.name for gate in gates if not gate.passed]
    if not failed or not result:
        return "there is no video to accept"
    never = [name for name in failed if name not in reviewers.may_waive]
    return f"the policy lets no reviewer waive {', '.join(never)}" if never else ""


def _original(ref: ClipRef) -> bytes:
    """The source's frames of a clip, small. Empty if they cannot be read."""
    with suppress(DecodeError):
        frames = decode_clip(ref)[ref.overlap :]
        scale = min(1.0, ORIGINAL_SIDE / max(ref.width, ref.height))
        size = (max(2, round(ref.width * scale / 2) * 2), max(2, round(ref.height * scale / 2) * 2))
        small = np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames])
        moments, rate = ref.pts[ref.overlap :], (ref.time_base, ref.fps)
        return encode_video(small, moments, *rate, 26, "veryfast", ref.sample_aspect)
    return b""
