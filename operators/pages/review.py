"""The review page: originals beside results, worst first, for the eyes and the decision of those who may see them."""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from operators.pages.candidates import Candidates
from operators.pages.html import Finished, embedded, fitting, read_rows, write_page
from operators.video.decode import DecodeError, decode_clip
from operators.video.encode import encode_video
from schemas.certificate import Gate, margin
from schemas.clip import ClipRef
from schemas.errors import UserError
from schemas.manifest import ManifestRow
from schemas.policy import Reviewers

ORIGINAL_SIDE = 640  # px


def write_review(
    plan: str, output: str, review: str, reviewers: Reviewers | None = None, clips: int = 40
) -> str:
    """Write REVIEW/review.html with the original beside every result shown; returns its address.

    Up to `clips` clips: quarantined ones first, with the refused candidate where REVIEW/candidates has it, then
    released ones, each by the margin of the closest gate, the worst first. What is decided there, `reviewers` says.
    Raises UserError if one of `output` and `review` lies inside the other: originals never sit beside a release.
    """
    keep_apart(output, review)
    dataset, reviewers = Finished(output), reviewers or Reviewers(groups=[])
    held, released = (_worst_first(dataset.clips(verdict)) for verdict in ("quarantined", "released"))
    shown = [*held, *released][:clips]
    refs = {ref.clip_id: ref for ref in read_rows(f"{plan.rstrip('/')}/clips", ClipRef)}
    originals = (_original(refs[row.clip_id]) for row in shown)
    cards = fitting(_cards(dataset, zip(shown, originals, strict=True), Candidates(review), reviewers))
    return write_page(
        review,
        "review.html",
        "review.html.j2",
        dataset=dataset.facts,
        cards=cards,
        reviewers=reviewers,
        quarantined=(sum(card["row"].verdict == "quarantined" for card in cards), len(held)),
        released=(sum(card["row"].verdict == "released" for card in cards), len(released)),
        failed=[row for row in dataset.problems if row.verdict == "failed"],
    )


def _worst_first(rows: Sequence[ManifestRow]) -> list[ManifestRow]:
    return sorted(rows, key=lambda row: row.margin)


def _cards(
    dataset: Finished,
    clips: Iterator[tuple[ManifestRow, bytes]],
    candidates: Candidates,
    reviewers: Reviewers,
) -> Iterator[dict[str, Any]]:
    """What the page shows of each clip."""
    problems = {row.clip_id: row for row in dataset.problems}
    for row, original in clips:
        problem = problems.get(row.clip_id)
        if problem:
            sha256 = problem.output_sha256
            result, condition = candidates.read(row.key, sha256) if sha256 else (b"", b"")
            scores = json.loads(problem.gates or "[]")
        else:
            held = dataset.members(row)
            sha256, result, condition = row.sha256, held["mp4"], held.get("condition.mp4", b"")
            scores = json.loads(held["json"])["certificate"]["gates"]
        gates = [Gate(**gate | {"score": float(gate["score"])}) for gate in scores]
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
        return encode_video(small, ref.pts[ref.overlap :], ref.time_base, ref.fps, crf=26, preset="veryfast")
    return b""


def keep_apart(output: str, review: str) -> None:
    """Raises UserError if one of the two lies inside the other."""
    places = [_place(uri) for uri in (output, review)]
    if places[0].startswith(places[1]) or places[1].startswith(places[0]):
        remedy = "Give a folder outside the output: originals never sit beside what is published"
        raise UserError(review, f"lies in or around the output {output}", remedy)


def _place(uri: str) -> str:
    """A form in which one place's name begins with another's only if it lies inside."""
    scheme, separator, rest = uri.partition("://")
    if separator and scheme != "file":
        return uri.rstrip("/") + "/"
    return str(Path(rest if separator else uri).expanduser().resolve()).rstrip("/") + "/"
