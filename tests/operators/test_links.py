"""What is published leads back to no source, not even for who has the file: no digest, id, name, path or clock."""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.planning.probe import named, plan_source, unplannable
from operators.recovery.attempts import Attempts
from operators.recovery.fail_closed import Rejected, each
from operators.recovery.keyed import Keyed, steering_key
from operators.video.encode import encode_video, inspect_video
from schemas import certificate, clip, manifest, pair
from schemas.arrow import from_table
from schemas.certificate import Timing
from schemas.clip import CandidateClip, FailedClip, QuarantinedClip, ReleasedClip
from schemas.config import load
from schemas.policy import Policy
from tests.cluster import toy
from tests.operators.stages import Stages, source_frames, written


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Stages:
    return Stages(tmp_path_factory.mktemp("links"), "structhuman actors")


@pytest.fixture(scope="module")
def outcomes(stages: Stages) -> list[Any]:
    """The clip released, quarantined and failed."""
    released = stages.run()
    assert isinstance(released, ReleasedClip), released
    gates = released.certificate.gates
    quarantined = QuarantinedClip(stages.ref, "audit", "gate failed: copy", gates, [], {})
    return [released, quarantined, FailedClip(stages.ref, "plan", "it is empty", "replace it", {})]


def decoded(files: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """Files, and what they hold: members of tars, rows of tables."""
    for path, data in files.items():
        yield path, data
        if path.endswith(".tar"):
            with tarfile.open(fileobj=io.BytesIO(data)) as tar:
                for member in tar:
                    file = tar.extractfile(member)
                    yield member.name, file.read() if file else b""
        elif path.endswith(".parquet"):
            rows = pq.read_table(io.BytesIO(data)).to_pylist()
            yield f"{path} rows", json.dumps(rows, default=str).encode()


def test_no_published_byte_names_the_source_or_holds_its_digest(stages: Stages, outcomes: list[Any]) -> None:
    source = Path(stages.ref.uri)
    content = source.read_bytes()
    sums = [name for name in hashlib.algorithms_guaranteed if not name.startswith("shake")]
    digests = {hashlib.new(name, content).hexdigest() for name in sums}
    digests.add(hashlib.blake2b(content, digest_size=16).hexdigest())
    needles = [text.encode() for text in (*digests, str(source), str(source.parent), source.name)]
    needles += [bytes.fromhex(digest) for digest in digests]
    assert stages.ref.source_digest in digests, "or else the plan's own is not looked for"
    for outcome in outcomes:
        for name, data in decoded(written(outcome)):
            assert not [needle for needle in needles if needle in data], name


def test_whoever_has_the_file_but_not_the_key_can_make_none_of_its_ids(
    stages: Stages, outcomes: list[Any]
) -> None:
    """Made of the same file under another key, everything that identifies a clip is another."""
    clips = stages.profile.clip
    (other,) = plan_source(stages.ref.uri, "a.mp4", b"other key", clips)
    assert other.source_digest == stages.ref.source_digest
    ids = {name: str(getattr(other, name)) for name in ("clip_id", "key", "source_hmac")}
    assert all(value != str(getattr(stages.ref, name)) for name, value in ids.items())
    # The key of a clip is published: with it and the file nothing can be hashed into the rest.
    known = replace(other, key=stages.ref.key)
    unkeyed = f"{known.source_digest}:{known.key}:0:0:{len(known.pts)}".encode()
    guess = int.from_bytes(hashlib.blake2b(unkeyed, digest_size=8).digest(), "big", signed=True)
    for outcome in outcomes:
        text = b"".join(data for _, data in decoded(written(outcome)))
        assert not [value for value in (*ids.values(), str(guess)) if value.encode() in text]


def test_a_source_that_could_not_be_read_is_keyed_too() -> None:
    bad = unplannable("/a/b.mp4", "key", "p", "r", "d" * 32)
    one, other = (named(bad, secret) for secret in (b"key", b"other"))
    assert one.clip_id != other.clip_id and one.source_hmac != other.source_hmac
    assert named(unplannable("/a/b.mp4", "key", "p", "r"), b"key").source_hmac == ""


@pytest.mark.parametrize("stage", ["regenerate", "audit"])
@pytest.mark.parametrize("error", [Rejected("gate failed: copy", []), RuntimeError("a")])
def test_what_was_refused_is_not_known_again(stages: Stages, stage: str, error: Exception) -> None:
    """Whoever has the file makes the same video of it where nobody is drawn: its digest would tell that it is here."""

    def refuse(_: CandidateClip) -> None:
        raise error

    (candidate,) = from_table(stages.before_audit, CandidateClip, QuarantinedClip, FailedClip)
    assert isinstance(candidate, CandidateClip)
    names = set()
    for key in (b"key", b"other"):
        attempts = Attempts(60, vouching=Keyed(steering_key(key)))
        (held,) = each(stage, refuse, [candidate], attempts)
        assert isinstance(held, QuarantinedClip) and held.output_hmac
        names.add(held.output_hmac)
        for name in hashlib.algorithms_guaranteed - {"shake_128", "shake_256"}:
            digest = hashlib.new(name, candidate.video).digest()
            for path, data in decoded(written(held)):
                assert digest not in data and digest.hex().encode() not in data, path
    assert len(names) == 2


@pytest.mark.parametrize("timing", ["source", "nominal"])
def test_a_recorders_wall_clock_is_nowhere(tmp_path: Path, stages: Stages, timing: Timing) -> None:
    """Its frames are stamped with milliseconds since 1970, and a few come late."""
    since = int(datetime(2026, 3, 14, 8, 26, 53, tzinfo=UTC).timestamp())
    clock = [since * 1000 + 100 * number + number % 3 for number in range(9)]
    ref = replace(stages.ref, pts=clock, time_base_num=1, time_base_den=1000)
    assert ref.moments(timing) == [100 * n + (n % 3 if timing == "source" else 0) for n in range(9)]
    video = encode_video(source_frames(), ref.moments(timing), ref.time_base, ref.fps, 20, "ultrafast")
    assert inspect_video(video).pts == ref.moments(timing)
    released = replace(toy.released(ref, video), ref=ref)
    released = replace(released, certificate=replace(released.certificate, timing=timing))
    for outcome in (released, FailedClip(ref, "plan", "it is empty", "replace it", {})):
        text = b"".join(data for _, data in decoded(written(outcome)))
        moments = [moment // unit for moment in clock for unit in (1, 1000)]
        assert not [moment for moment in moments if str(moment).encode() in text]
    record = json.loads(dict(decoded(written(released)))[f"{ref.key}.json"])
    assert record["timestamps"] == ref.moments(timing)


@given(step=st.integers(1, 4000), unit=st.integers(1, 90000), fps=st.fractions(1, 240, max_denominator=1001))
def test_nominal_timestamps_rise_whatever_the_rate(step: int, unit: int, fps: Fraction) -> None:
    ref = replace(
        toy.make_ref(1),
        pts=[step * n for n in range(40)],
        time_base_den=unit,
        fps_num=fps.numerator,
        fps_den=fps.denominator,
    )
    moments = ref.moments("nominal")
    assert moments[0] == 0 and len(moments) == ref.frames
    assert all(after > before for before, after in pairwise(moments))


def test_conditioning_is_certified_as_the_policy_says(stages: Stages, outcomes: list[Any]) -> None:
    assert outcomes[0].certificate.conditioning_published and outcomes[0].conditioning_video
    closed = load(Policy, "cluster/policies/driving.yaml", ["publish_conditioning=false"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stages.audit, "policy", closed)
        held = stages.run()
    assert isinstance(held, ReleasedClip) and not held.certificate.conditioning_published
    assert not [name for name, _ in decoded(written(held)) if "condition" in name]
    strict = load(Policy, "cluster/policies/strict.yaml")
    assert not strict.publish_conditioning and strict.timing == "nominal"


def test_only_a_clips_reference_knows_the_plain_digest() -> None:
    """A field for it anywhere else would end in what is published."""
    modules = (certificate, clip, manifest, pair)
    holders = [
        case.__name__
        for module in modules
        for case in vars(module).values()
        if isinstance(case, type) and "source_digest" in getattr(case, "__dataclass_fields__", {})
    ]
    assert set(holders) == {"ClipRef"}
