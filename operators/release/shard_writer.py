"""The sink: clips that have ended -> one shard of the dataset, as layout.py says and a WebDataset reader expects.

The bytes depend on the rows and the name only. Nothing here can release a clip: a ReleasedClip proves itself when
it is rebuilt, and other types are refused.
"""

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import IO, Any

from operators.release import parquet_form
from operators.release.accounts import account
from operators.release.json_form import written
from operators.release.labels import MEMBERS
from operators.release.layout import CONDITION, RECORD, VIDEO, files_of
from operators.release.signature import Signer
from operators.video.picture import DEINTERLACER
from schemas import words
from schemas.arrow import to_table
from schemas.certificate import Certificate, Gate, Step, margin
from schemas.clip import ClipRef, FailedClip, QuarantinedClip, ReleasedClip
from schemas.manifest import ManifestRow, QuarantineRow, Verdict
from schemas.measures import MEASURES
from schemas.policy import Policy

VERDICT_OF: dict[type, Verdict] = {
    ReleasedClip: "released",
    QuarantinedClip: "quarantined",
    FailedClip: "failed",
}

EndedClip = ReleasedClip | QuarantinedClip | FailedClip
OpenOutput = Callable[[str], IO[bytes]]


def write_shard(
    rows: Iterable[EndedClip],
    clip_ids: Sequence[int],
    name: str,
    open_output: OpenOutput,
    signer: Signer | None = None,
    settings: Mapping[str, str] | None = None,
    made_by: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Write one shard, streaming; if there is a `signer`, every certificate and its stats are signed. Returns those.

    `settings` are what the run was made with, and signed along: a shard of a laxer run is none of this one. `made_by`
    are the digests of its code and weights, likewise: what older ones let pass is not what these do.

    `rows` carry exactly the clips `clip_ids`, in that order. `open_output(path)` opens a file for writing.
    Raises TypeError for a row of any other type, ValueError if the accounting does not hold; what is written
    by then is an uncommitted shard without stats.
    """
    paths = files_of(name)
    shard = _Tar(paths["shards"], open_output)
    with shard:
        manifest, quarantine = _add_rows(rows, shard, name, signer)
    _check_due(manifest, clip_ids, name)
    files = shard.digest()
    files |= _write(paths["manifest"], parquet_form.written(to_table(manifest, ManifestRow)), open_output)
    if quarantine:
        held = parquet_form.written(to_table(quarantine, QuarantineRow))
        files |= _write(paths["quarantine"], held, open_output)
    stats = {"name": name, **account(manifest), "files": files}
    if signer:
        stats["settings"], stats["made_by"] = dict(settings or {}), dict(made_by or {})
        stats["signature"] = signer.sign("shard", stats)
    _write(paths["stats"], written(stats), open_output)
    return stats


def _add_rows(
    rows: Iterable[EndedClip], shard: "_Tar", name: str, signer: Signer | None
) -> tuple[list[ManifestRow], list[QuarantineRow]]:
    """Add the released clips' members to the tar; returns the rows of manifest and quarantine list."""
    manifest: list[ManifestRow] = []
    quarantine: list[QuarantineRow] = []
    for row in rows:
        if type(row) not in VERDICT_OF:
            raise TypeError(f"the sink takes no {type(row).__name__}")
        record = condition = b""
        if isinstance(row, ReleasedClip):
            record, condition = written(_record(row, signer)), row.conditioning_video
            members = {
                VIDEO: row.video,
                RECORD: record,
                CONDITION: condition,
                _labels_member(row): row.labels,
            }
            for extension, data in members.items():
                if data:
                    shard.add(f"{row.ref.key}.{extension}", data)
        else:
            quarantine.append(_quarantine_row(row))
        manifest.append(_manifest_row(row, name, record, condition))
    return manifest, quarantine


def _labels_digest(row: EndedClip) -> str:
    held = row.labels if isinstance(row, ReleasedClip) else b""
    return hashlib.sha256(held).hexdigest() if held else ""


def _labels_member(row: ReleasedClip) -> str:
    return MEMBERS.get(Policy.model_validate_json(row.policy).labels, "")


def _check_due(manifest: list[ManifestRow], clip_ids: Sequence[int], name: str) -> None:
    """Raises ValueError unless the clips that came are those that were due, in that order, with a key each."""
    came, keys = [row.clip_id for row in manifest], {row.key for row in manifest}
    if came != list(clip_ids) or not len(keys) == len(set(came)) == len(came):
        raise ValueError(f"shard {name}: the clips that came are not the clips that were due, each once")


def tar_digest(members: Iterable[tuple[str, bytes]]) -> str:
    """sha256 in hex of a shard's tar with these members, by name, and no byte beside them."""
    shard = _Tar("", lambda _: open(os.devnull, "wb"))  # noqa: SIM115
    with shard:
        for name, data in members:
            shard.add(name, data)
    return str(shard.hashed.digest()["sha256"])


class _Hashed:
    """A file being written whose digest is known at the end."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.sha256, self.bytes = file, hashlib.sha256(), 0

    def write(self, data: bytes) -> int:
        self.file.write(data)
        self.sha256.update(data)
        self.bytes += len(data)
        return len(data)

    def digest(self) -> dict[str, Any]:
        return {"bytes": self.bytes, "sha256": self.sha256.hexdigest()}


class _Tar:
    """A tar that comes into being with its first member: no times, no owners, so the same rows give the same bytes."""

    def __init__(self, path: str, open_output: OpenOutput) -> None:
        self.path, self.open_output = path, open_output
        self.file: IO[bytes] | None = None

    def __enter__(self) -> "_Tar":
        return self

    def add(self, name: str, data: bytes) -> None:
        if self.file is None:
            self.file = self.open_output(self.path)
            self.hashed = _Hashed(self.file)
            self.tar = tarfile.open(fileobj=self.hashed, mode="w|", format=tarfile.USTAR_FORMAT)  # type: ignore[call-overload]  # noqa: SIM115
        info = tarfile.TarInfo(name)
        info.size, info.mode = len(data), 0o644
        self.tar.addfile(info, io.BytesIO(data))

    def __exit__(self, *raised: object) -> None:
        if self.file is not None:
            self.tar.close()
            self.file.close()

    def digest(self) -> dict[str, Any]:
        return {self.path: self.hashed.digest()} if self.file is not None else {}


def _write(path: str, data: bytes, open_output: OpenOutput) -> dict[str, Any]:
    with open_output(path) as file:
        hashed = _Hashed(file)
        hashed.write(data)
    return {path: hashed.digest()}


def _record(row: ReleasedClip, signer: Signer | None) -> dict[str, Any]:
    """What a trainer gets beside the video. `timestamps`, in units of `time_base` seconds, start at 0."""
    ref, certificate = row.ref, asdict(row.certificate)
    made = {
        "sample_aspect": [ref.sample_aspect_num, ref.sample_aspect_den],
        "pictures": _changed(ref),
        "time_base": [ref.time_base_num, ref.time_base_den],
        "timestamps": ref.moments(row.certificate.timing),
        "certificate": certificate,
        **({"signature": signer.sign("certificate", certificate)} if signer else {}),
    }
    return made | shape_of(_manifest_row(row, "", b"", b""))


def shape_of(row: ManifestRow) -> dict[str, Any]:
    """What record and manifest both say."""
    return {
        "width": row.width,
        "height": row.height,
        "frames": row.frames,
        "fps": [row.fps_num, row.fps_den],
        "first_frame": row.first_frame + row.window - row.frames,
    }


def _changed(ref: ClipRef) -> dict[str, str]:
    """What the source's pictures were, and what was done to them before anything else."""
    mapped = {"tone_mapped": f"{ref.transfer} to BT.709"} if ref.transfer else {}
    return mapped | ({"deinterlaced": DEINTERLACER} if ref.interlaced else {})


def _manifest_row(row: EndedClip, shard: str, record: bytes, condition: bytes) -> ManifestRow:
    ref = row.ref
    certificate = row.certificate if isinstance(row, ReleasedClip) else None
    if certificate and certificate.frames != ref.frames:
        raise ValueError(
            f"clip {ref.clip_id}: {ref.frames} frames are due, {certificate.frames} are certified"
        )
    gates, steps = _gates_and_steps(row)
    return ManifestRow(
        clip_id=ref.clip_id,
        key=ref.key,
        verdict=VERDICT_OF[type(row)],
        shard=shard,
        stage="" if isinstance(row, ReleasedClip) else row.stage,
        reason="" if isinstance(row, ReleasedClip) else words.reason(row.reason),
        source_hmac=ref.source_hmac,
        first_frame=ref.first_frame,
        frames=ref.frames,
        window=len(ref.pts),
        width=ref.width,
        height=ref.height,
        fps_num=ref.fps_num,
        fps_den=ref.fps_den,
        people=certificate.people if certificate else 0,
        regenerated=certificate.regenerated if certificate else 0,
        filled=certificate.filled if certificate else 0,
        frames_masked=certificate.frames_masked if certificate else 0,
        frames_painted=certificate.frames_painted if certificate else 0,
        tracks=certificate.tracks if certificate else 0,
        diffusion_calls=certificate.diffusion_calls if certificate else 0,
        steps=steps,
        margin=margin(gates if certificate else known(gates)),
        bypassed=certificate is not None and not _touched(certificate),
        video_bytes=len(row.video) if isinstance(row, ReleasedClip) else 0,
        sha256=certificate.output_sha256 if certificate else "",
        record_sha256=hashlib.sha256(record).hexdigest() if record else "",
        condition_sha256=hashlib.sha256(condition).hexdigest() if condition else "",
        labels_sha256=_labels_digest(row),
        seconds=row.seconds,
    )


def _touched(certificate: Certificate) -> bool:
    """Whether anything of the clip was replaced or painted over."""
    return bool(certificate.tracks or certificate.frames_masked or certificate.frames_painted)


def _gates_and_steps(row: EndedClip) -> tuple[list[Gate], list[Step]]:
    if isinstance(row, FailedClip):
        return [], []
    held = row.certificate if isinstance(row, ReleasedClip) else row
    return held.gates, held.steps


def _quarantine_row(row: QuarantinedClip | FailedClip) -> QuarantineRow:
    ref, gates = row.ref, ""
    if isinstance(row, QuarantinedClip):
        gates = gates_text(row.gates)
        remedy = "Look at the source beside the reason; a changed policy or better models may release it in a new run"
    else:
        remedy = words.remedy(row.remedy)
    refused = row.output_hmac if isinstance(row, QuarantinedClip) else ""
    reason = words.reason(row.reason)
    return QuarantineRow(
        ref.clip_id, ref.key, VERDICT_OF[type(row)], row.stage, reason, remedy, gates, refused
    )


def gates_text(gates: Sequence[Gate]) -> str:
    """Scores as they stand in the quarantine, as JSON in which a number is a word; of the gates that there are."""
    return json.dumps([{**asdict(gate), "score": str(float(gate.score))} for gate in known(gates)])


def known(gates: Sequence[Gate]) -> list[Gate]:
    """Those that there are."""
    return [gate for gate in gates if gate.name in MEASURES and MEASURES[gate.name] == gate.measure]
