"""The check: one shard of a dataset, proved from its own bytes. The counterpart of shard_writer.py."""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from operators.release import json_form, labels, parquet_form
from operators.release.accounts import account
from operators.release.c2pa_mark import faults
from operators.release.certificate_check import certificate_problems, read_certificate, record_problem
from operators.release.checked import CLIPS, Checked, Demands, reading
from operators.release.labels import MEMBERS
from operators.release.layout import CONDITION, RECORD, VIDEO, files_of, is_key, is_shard_name
from operators.release.said_check import gates_of, unsayable, unsayable_held
from operators.release.shard_writer import tar_digest
from operators.release.signature import shard_holds
from operators.release.spot_check import doubts, draw
from operators.release.stats_form import well_formed
from operators.video.encode import ContainerFacts, conditioning_size, decode_bytes, due_last, inspect_video
from operators.video.mp4_boxes import C2PA
from schemas.arrow import from_table, to_table
from schemas.certificate import generated, margin
from schemas.manifest import ManifestRow, QuarantineRow
from schemas.policy import Policy

_SIGNED = ("settings", "made_by", "signature")  # stats that only a signer writes; older ones lack the second
_MAKER = {"weights": "weights_digest", "code": "code_version"}  # as certificates call it


def check_shard(name: str, read: Callable[[str], bytes], demands: Demands) -> Checked:
    """Check the shard `name`. `read(path)` gives a file's bytes or raises OSError.

    Never raises for what it reads: a file that cannot be read or understood is a breach.
    """
    checked, paths = Checked(name), files_of(name)
    _check_stats(checked, paths, read)
    if not checked.stats:
        return checked
    _check_signature(checked, paths["stats"], demands)
    data = _check_files(checked, read)
    rows = _check_manifest(checked, paths, data, demands)
    _check_quarantine(checked, paths["quarantine"], data.get(paths["quarantine"]), rows)
    released = [row for row in rows if row.verdict == "released"]
    _check_waivers(checked, paths["manifest"], released, demands)
    _check_tar(checked, paths["shards"], data.get(paths["shards"]), released, demands)
    return checked


def _check_stats(checked: Checked, paths: dict[str, str], read: Callable[[str], bytes]) -> None:
    """The stats, which list the shard's other files: what is checked is what they say."""
    path = paths["stats"]
    with reading(checked, path):
        written = read(path)
        stats = json_form.read(written)
        if isinstance(stats, dict) and not is_shard_name(str(stats.get("name", ""))):
            checked.breach(path, "has the name of no shard")
            return
        if not well_formed(stats):
            raise ValueError("no accounts of a shard")
        checked.files = [path, *stats["files"]]
        checked.stats, checked.stats_sha256 = stats, hashlib.sha256(written).hexdigest()
        checked.demand(set(stats["files"]) < set(paths.values()), path, "lists files of no shard")
        named = is_shard_name(checked.name) and stats["name"] == checked.name
        checked.demand(named, path, "has the name of no shard")


def _check_signature(checked: Checked, path: str, demands: Demands) -> None:
    with reading(checked, path):
        vouched = shard_holds(checked.stats, demands.public_key, demands.settings)
        checked.demand(vouched, path, "was not signed by the dataset's owner when it was committed")


def _check_files(checked: Checked, read: Callable[[str], bytes]) -> dict[str, bytes]:
    """What can be read of the files that the stats list, by path."""
    data: dict[str, bytes] = {}
    for path, stated in checked.stats["files"].items():
        with reading(checked, path):
            data[path] = read(path)
            if size_and_digest(data[path]) != stated:
                checked.breach(path, "is not what was written: its size or digest differs from the stats")
    return data


def _check_manifest(
    checked: Checked, paths: dict[str, str], data: dict[str, bytes], demands: Demands
) -> list[ManifestRow]:
    """The manifest's rows, none if it cannot be read: the stats are what they add up to, and no more."""
    path, rows = paths["manifest"], list[ManifestRow]()
    with reading(checked, path):
        manifest = _table(data.get(path, b""))
        rows = from_table(manifest, ManifestRow)
        checked.clips = manifest.select(CLIPS.names).cast(CLIPS)
        files = {path: size_and_digest(held) for path, held in data.items()}
        beside = {key: checked.stats[key] for key in _SIGNED if key in checked.stats and demands.public_key}
        due = {"name": checked.name, **account(rows), "files": files} | beside
        same = json_form.written(due) == json_form.written(checked.stats)
        checked.demand(same, paths["stats"], "states other counts than the manifest adds up to, or more")
        checked.demand({row.shard for row in rows} == {checked.name}, path, "lists clips of other shards")
        checked.demand(all(is_key(row.key) for row in rows), path, "has keys that no clip has")
        _demand_rows_alone(checked, path, data[path], to_table(rows, ManifestRow))
        _demand_sayable(checked, path, {row.key: unsayable(row) for row in rows})
    return rows


def _check_quarantine(checked: Checked, path: str, data: bytes | None, rows: list[ManifestRow]) -> None:
    """The quarantine list names whom the manifest calls not released, and nobody else."""
    with reading(checked, path):
        held = from_table(_table(data), QuarantineRow) if data is not None else []
        due = [_end(row) for row in rows if row.verdict != "released"]
        same = due == [_end(row) for row in held]
        checked.demand(same, path, "does not list the clips that the manifest calls not released")
        if data is not None:
            _demand_rows_alone(checked, path, data, to_table(held, QuarantineRow))
            _demand_sayable(checked, path, {row.key: unsayable_held(row) for row in held})
            close = [margin(gates_of(row.gates)) for row in held]
            told = [row.margin for row in rows if row.verdict != "released"]
            checked.demand(close == told, path, "and the manifest differ in margin")


def _check_waivers(checked: Checked, path: str, released: list[ManifestRow], demands: Demands) -> None:
    """Nobody accepted a clip past a gate that the policy lets no reviewer waive."""
    may_waive = set(demands.policy.reviewers.may_waive)
    for row in released:
        for step in row.steps:
            if step.name == "accept":
                checked.waived.append((row.key, step))
                problem = "was accepted past a gate that the policy lets no reviewer waive"
                checked.demand(may_waive >= set(step.waives), f"{path}: {row.key}", problem)


def _check_tar(
    checked: Checked, path: str, data: bytes | None, released: list[ManifestRow], demands: Demands
) -> None:
    """Members are exactly what the manifest calls released, and each is what its certificate says."""
    if data is None:
        checked.demand(not released, path, "is missing, although the manifest has released clips")
        return
    with reading(checked, path), tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
        members, due = {member.name: member for member in tar}, list[tuple[str, bytes]]()
        checked.demand(len(members) == len(tar.getmembers()), path, "holds two members of one name")
        sample = draw((row.key for row in released), demands.sample, f"{demands.seed}:{checked.name}")
        for row in released:
            where, before, again = f"{path}: {row.key}", len(checked.breaches), row.key in sample
            with reading(checked, where):
                found = _take(checked, where, row, tar, members, demands.policy.labels)
                due += [(f"{row.key}.{extension}", held) for extension, held in found.items()]
                _check_clip(checked, where, row, found, demands)
                if again:
                    _audit_again(checked, where, found)
            checked.sampled += again
            checked.doubted += again and len(checked.breaches) > before
        for name in members:
            checked.breach(f"{path}: {name}", "belongs to no released clip")
        alone = tar_digest(due) == hashlib.sha256(data).hexdigest()
        checked.demand(alone, path, "holds more than its members, or in another order")


def _take(
    checked: Checked,
    where: str,
    row: ManifestRow,
    tar: tarfile.TarFile,
    members: dict[str, tarfile.TarInfo],
    form: str,
) -> dict[str, bytes]:
    """Extension -> bytes of one released clip, whose members are taken out of `members`."""
    digests = {VIDEO: row.sha256, RECORD: row.record_sha256, CONDITION: row.condition_sha256}
    digests |= {MEMBERS[form]: row.labels_sha256} if form in MEMBERS else {}
    found: dict[str, bytes] = {}
    for extension in digests:
        member = members.pop(f"{row.key}.{extension}", None)
        file = tar.extractfile(member) if member else None
        if file:
            found[extension] = file.read()
    for extension, digest in digests.items():
        held = hashlib.sha256(found[extension]).hexdigest() if extension in found else ""
        checked.demand(
            held == digest, f"{where}.{extension}", "is missing or not the bytes that the manifest states"
        )
    size = len(found.get(VIDEO, b""))
    checked.demand(size == row.video_bytes, where, "is not of as many bytes as the manifest states")
    return found


def _check_clip(
    checked: Checked, where: str, row: ManifestRow, found: dict[str, bytes], demands: Demands
) -> None:
    """Check one released clip: its certificate, its record, and what its videos hold."""
    record = json_form.read(found[RECORD])
    marked = demands.marked and generated(row.tracks, row.steps)
    settings = {"profile_digest": demands.profile, "marked": marked}
    for problem in certificate_problems(record, row, demands.policy, settings, demands.public_key):
        checked.breach(where, problem)
    for name, maker in checked.stats.get("made_by", {}).items():
        same = record["certificate"][_MAKER[name]] == maker
        checked.demand(same, where, f"certificate and the shard's stats differ in {_MAKER[name]}")
    untouched = not (row.tracks or row.frames_masked or row.frames_painted)
    checked.demand(row.bypassed == untouched, where, "bypass and what was replaced disagree")
    if problem := record_problem(record, row, bool(demands.public_key)):
        checked.breach(where, problem)
        return
    _check_video(checked, f"{where}.mp4", found[VIDEO], record, marked)
    _check_labels(checked, where, row, found, demands.policy)
    published = record["certificate"]["conditioning_published"]
    checked.demand((CONDITION in found) == published, where, "publishes other conditioning than certified")
    if CONDITION in found:
        shown = demands.policy.publish_conditioning
        checked.demand(shown, f"{where}.{CONDITION}", "is there, although the policy publishes none")
        facts = inspect_video(found[CONDITION])
        checked.demand(
            facts.streams == ["video"] and not facts.tags and not facts.boxes,
            f"{where}.{CONDITION}",
            "holds more than one video stream without tags",
        )
        size = conditioning_size(record["width"], record["height"])
        _check_size(checked, f"{where}.{CONDITION}", facts, size, record)
        _check_moments(checked, f"{where}.{CONDITION}", facts, record)


def _check_labels(
    checked: Checked, where: str, row: ManifestRow, found: dict[str, bytes], policy: Policy
) -> None:
    """Labels are there exactly if the policy publishes them, and say nothing but what labels can. Whoever was drawn may
    have been so in frames of context alone, and in StructAll by the scene's generator."""
    form, due = policy.labels, policy.variant == "structhuman" and row.window == row.frames
    if form == "none":
        checked.demand(not row.labels_sha256, where, "has labels, although the policy publishes none")
        return
    member, shape = MEMBERS[form], (row.frames, row.height, row.width)
    checked.demand(member in found, where, "has no labels, although the policy publishes them")
    if member in found:
        with reading(checked, f"{where}.{member}"):
            told = labels.read(found[member], form)
            for fault in labels.faults(told, row.regenerated, *shape, due):
                checked.breach(f"{where}.{member}", fault)
            alone = labels.is_alone(found[member], told, form, row.key, *shape)
            checked.demand(alone, f"{where}.{member}", "holds more than labels")


def _check_video(checked: Checked, where: str, data: bytes, record: dict[str, Any], marked: bool) -> None:
    facts = inspect_video(data)
    boxes = sorted(set(facts.boxes) - ({C2PA} if marked else set()))
    for fault in faults(data, record["certificate"]["variant"]) if marked else []:
        checked.breach(where, fault)
    checked.demand(facts.streams == ["video"], where, f"holds streams {facts.streams} where one video is due")
    checked.demand(not facts.tags, where, f"holds tags: {', '.join(sorted(facts.tags))}")
    checked.demand(not boxes, where, f"holds more than a video: {', '.join(boxes)}")
    _check_size(checked, where, facts, (record["width"], record["height"]), record)
    _check_moments(checked, where, facts, record)


def _check_size(
    checked: Checked, where: str, facts: ContainerFacts, size: tuple[int, int], record: dict[str, Any]
) -> None:
    due = (*size, Fraction(*record.get("sample_aspect", (1, 1))))
    same = (facts.width, facts.height, facts.sample_aspect) == due
    checked.demand(same, where, "is not of the recorded size and shape of pixels")


def _check_moments(checked: Checked, where: str, facts: ContainerFacts, record: dict[str, Any]) -> None:
    checked.demand(
        len(facts.pts) == record["frames"],
        where,
        f"holds {len(facts.pts)} frames where {record['frames']} are recorded",
    )
    unit = Fraction(*record["time_base"])
    same = unit.denominator == facts.time_base.denominator  # else all moments could be of any finer unit
    checked.demand(same, where, "has another time base than recorded")
    due = [pts * unit for pts in record["timestamps"]]
    held = [(pts - facts.pts[0]) * facts.time_base for pts in facts.pts]
    checked.demand(due == held, where, "has other timestamps than recorded")
    last = due_last(Fraction(*record["fps"]), unit)
    checked.demand(
        not same or facts.last == last, where, "shows its last frame for longer or shorter than recorded"
    )


def size_and_digest(data: bytes) -> dict[str, Any]:
    """What stats say of a file."""
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _end(row: ManifestRow | QuarantineRow) -> tuple[int, str, str, str, str]:
    return row.clip_id, row.key, row.verdict, row.stage, row.reason


def _demand_rows_alone(checked: Checked, path: str, data: bytes, table: pa.Table) -> None:
    alone = parquet_form.same(data, parquet_form.written(table))
    checked.demand(alone, path, "holds more than its rows")


def _demand_sayable(checked: Checked, path: str, found: dict[str, list[str]]) -> None:
    """Nothing is said in public in other words than those that are listed; `found` are fields by the clip's key."""
    for key, fields in found.items():
        checked.demand(not fields, f"{path}: {key}", f"says what is not to be said in {', '.join(fields)}")


def _audit_again(checked: Checked, where: str, found: dict[str, bytes]) -> None:
    certificate = read_certificate(json.loads(found[RECORD])["certificate"])
    for doubt in doubts(decode_bytes(found[VIDEO]), certificate):
        checked.breach(f"{where}.mp4", doubt)


def _table(data: bytes) -> pa.Table:
    return pq.read_table(io.BytesIO(data))
