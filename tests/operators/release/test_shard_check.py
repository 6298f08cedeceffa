"""One shard's check finds forgeries whose digests were all made to fit."""

import io
import tarfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from operators.release.checked import Demands
from operators.release.shard_check import check_shard
from operators.release.shard_writer import write_shard
from operators.release.signature import Signer
from operators.video import mp4_layout
from operators.video.mp4_boxes import layout_of
from tests.cluster import toy
from tests.keys import make_key


class TestClip:
    """Forgeries whose digests were all made to fit: only the clip's own facts can show them."""

    ref = toy.make_ref(5)

    def check(self, row: object, edit: Callable[[dict[str, bytes]], None] = lambda files: None) -> list[str]:
        files: dict[str, toy._File] = {}
        name = "0" * 32 + "-00000000"
        write_shard([row], [self.ref.clip_id], name, lambda path: toy._open(files, path))  # type: ignore[list-item]
        data = {path: file.data for path, file in files.items()}
        edit(data)
        checked = check_shard(name, partial(_get, data), Demands(toy.POLICY, toy.PROFILE.digest()))
        return [breach.problem for breach in checked.breaches]

    def test_as_written(self) -> None:
        assert self.check(toy.ended(self.ref)) == []

    def test_a_frame_short(self) -> None:
        short = replace(self.ref, pts=self.ref.pts[:-1])
        assert "holds 4 frames where 5 are recorded" in self.check(toy.released(self.ref, toy.noise(short)))

    def test_other_timestamps(self) -> None:
        late = replace(self.ref, pts=[0, 512, 1024, 1537, 2048, 2560])
        assert self.check(toy.released(self.ref, toy.noise(late))) == ["has other timestamps than recorded"]

    @pytest.mark.parametrize("last", [0, 1, 511, 513, 5120 * 3600, (1 << 31) - 1])
    def test_another_last_moment(self, last: int) -> None:
        """A day, or a number, in one of which no timestamp speaks; in the clip as in its conditioning."""

        def lasting(video: bytes) -> bytes:
            layout = layout_of(video)
            return mp4_layout.write(replace(layout, durations=[*layout.durations[:-1], last]))

        plain, problem = toy.noise(self.ref), "shows its last frame for longer or shorter than recorded"
        assert problem in self.check(toy.released(self.ref, lasting(plain)))
        assert problem in self.check(toy.released(self.ref, plain, lasting(plain)))

    def test_other_code_or_weights_than_the_shard_states(self, tmp_path: Path) -> None:
        signer, name = Signer.of_file(str(make_key(tmp_path / "key.pem"))), "0" * 32 + "-00000000"
        settings = {"profile_digest": toy.PROFILE.digest(), "policy_digest": toy.POLICY.digest()}
        settings["variant"] = toy.POLICY.variant
        demands = Demands(toy.POLICY, toy.PROFILE.digest(), signer.public_key)
        own = {"weights": "0" * 64, "code": "1" * 64}
        for made_by, due in (
            (own, []),
            (own | {"code": "a" * 64}, ["certificate and the shard's stats differ in code_version"]),
            (own | {"weights": "a" * 64}, ["certificate and the shard's stats differ in weights_digest"]),
        ):
            files: dict[str, toy._File] = {}
            opener = partial(toy._open, files)
            write_shard([toy.ended(self.ref)], [self.ref.clip_id], name, opener, signer, settings, made_by)
            data = {path: file.data for path, file in files.items()}
            assert [one.problem for one in check_shard(name, partial(_get, data), demands).breaches] == due

    def test_another_size(self) -> None:
        wide = replace(self.ref, width=80)
        assert self.check(toy.released(self.ref, toy.noise(wide))) == [
            "is not of the recorded size and shape of pixels"
        ]
        flat = replace(self.ref, sample_aspect_num=4, sample_aspect_den=3)
        assert self.check(toy.released(flat, toy.noise(self.ref))) == [
            "is not of the recorded size and shape of pixels"
        ]

    def test_audio_and_tags(self) -> None:
        forged = toy.released(self.ref, _with_audio_and_title(toy.noise(self.ref)))
        found = self.check(forged)
        assert "holds streams ['video', 'audio'] where one video is due" in found
        assert "holds tags: encoder, title" in found

    def test_tags_in_the_conditioning(self) -> None:
        forged = toy.released(self.ref, toy.noise(self.ref), _with_audio_and_title(toy.noise(self.ref)))
        problems = ["holds more than one video stream without tags", "has another time base than recorded"]
        assert self.check(forged) == problems

    def test_a_gate_that_did_not_pass(self) -> None:
        row = toy.ended(self.ref)
        gates = toy.passing()
        gates[0] = replace(gates[0], score=0.99)
        object.__setattr__(row, "certificate", replace(row.certificate, gates=gates))  # type: ignore[union-attr]
        assert self.check(row) == ["certificate: gate did not pass: nobody left"]

    def test_the_certificate_of_another_variant(self) -> None:
        row = toy.ended(self.ref)
        object.__setattr__(row, "certificate", replace(row.certificate, variant="structall"))  # type: ignore[union-attr]
        assert self.check(row) == ["certificate: another policy or variant"]

    def test_a_smuggled_member(self) -> None:
        def smuggle(data: dict[str, bytes]) -> None:
            path = next(path for path in data if path.endswith(".tar"))
            buffer = io.BytesIO(data[path])
            with tarfile.open(fileobj=buffer, mode="a") as tar:
                tar.addfile(tarfile.TarInfo("original.mp4"), io.BytesIO())
            data[path] = buffer.getvalue()

        found = self.check(toy.ended(self.ref), smuggle)
        assert "belongs to no released clip" in found


def _get(files: dict[str, bytes], path: str) -> bytes:
    if path not in files:
        raise FileNotFoundError(path)
    return files[path]


def _with_audio_and_title(video: bytes) -> bytes:
    import av
    import numpy as np

    file = io.BytesIO()
    with av.open(io.BytesIO(video)) as source, av.open(file, "w", format="mp4") as container:
        container.metadata["title"] = "Anna"
        stream = container.add_stream_from_template(source.streams.video[0])
        audio = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.rate = 8000
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                container.mux(packet)
        container.mux(audio.encode(frame))
        container.mux(audio.encode())
    return file.getvalue()
