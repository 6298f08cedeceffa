import shutil
from pathlib import Path

import pytest
import yaml

from cluster import weights_lock
from schemas.config import load
from schemas.errors import UserError
from schemas.evaluation import Judges
from schemas.profile import Profile

PROFILE = "cluster/profiles/embedded.yaml"


def test_every_weight_of_the_embedded_profile_is_listed_with_its_digest() -> None:
    lock, profile = yaml.safe_load(weights_lock.LOCK.read_text()), load(Profile, PROFILE)
    named = weights_lock.named(profile)
    assert {"pose", "depth", "witness", "limbs", "likeness", "generator"} <= {
        field.split(".")[0] for field in named
    }
    for name in named.values():
        assert lock[name]["sha256"] == weights_lock.digest(name)
        assert lock[name]["licence"]
        assert lock[name]["source"]
    assert len(weights_lock.check(profile)) == 64


def test_a_digest_that_differs_stops_the_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = yaml.safe_load(weights_lock.LOCK.read_text())
    changed["cluster/weights/embedded/depth.pt"]["sha256"] = "0" * 64
    lock = tmp_path / "weights.lock"
    lock.write_text(yaml.safe_dump(changed))
    monkeypatch.setattr(weights_lock, "LOCK", lock)
    with pytest.raises(UserError, match=r"depth\.pt: is not what weights\.lock lists"):
        weights_lock.check(load(Profile, PROFILE))


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="weights not found"):
        weights_lock.check(load(Profile, PROFILE, [f"pose.weights={tmp_path}/none"]))


def test_the_digest_of_a_folder_sees_names_and_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    before = weights_lock.digest(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    renamed = weights_lock.digest(tmp_path)
    (tmp_path / "b").write_bytes(b"2")
    assert len({before, renamed, weights_lock.digest(tmp_path)}) == 3


def test_the_digest_covers_whatever_the_generator_loads(tmp_path: Path) -> None:
    (tmp_path / "lora").write_bytes(b"1")
    digests = {weights_lock.check(load(Profile, PROFILE))}
    for field in ("adapter", "distilled", "vae"):
        changed = load(Profile, PROFILE, [f"generator.{field}={tmp_path}/lora"])
        assert weights_lock.named(changed)[f"generator.{field}"] == f"{tmp_path}/lora"
        digests.add(weights_lock.check(changed))
    (tmp_path / "lora").write_bytes(b"2")
    digests.add(weights_lock.check(changed))
    assert len(digests) == 3  # without, with, and with other bytes


EMBEDDED = Path("cluster/weights/embedded")


@pytest.mark.parametrize(
    ("field", "weights"),
    [
        ("final", "./cluster/weights/../weights/embedded/cues"),  # what makes the masks, under another name
        ("final", "COPY of cues"),
        ("final", "LINK to cues"),
        ("final", "cluster/weights/embedded/cues/one of its files"),
        ("witness", "./cluster/weights/embedded/cues"),
        ("final", "./cluster/weights/embedded/coco_ssd.onnx"),  # the witness again, likewise
        ("final", "COPY of coco_ssd.onnx"),
    ],
)
def test_who_judges_is_somebody_else_whatever_its_files_are_called(
    field: str, weights: str, tmp_path: Path
) -> None:
    """Names tell nothing: a copy or a link of the weights that make the masks would certify them."""
    kind, _, name = weights.partition(" of " if "COPY" in weights else " to ")
    if kind == "COPY":
        copy = shutil.copytree if (EMBEDDED / name).is_dir() else shutil.copy
        weights = str(copy(EMBEDDED / name, tmp_path / "mine.onnx"))
    elif kind == "LINK":
        (tmp_path / "mine").symlink_to((EMBEDDED / name).absolute())
        weights = f"{tmp_path}/mine"
    elif "one of its files" in weights:
        weights = str(max((EMBEDDED / "cues").iterdir(), key=lambda path: path.stat().st_size))
    profile = load(Profile, PROFILE)
    judge = getattr(profile, field)
    judge = judge[0] if isinstance(judge, list) else judge
    other = judge.model_copy(update={"weights": weights})
    changed = profile.model_copy(update={field: [other] if field == "witness" else other})
    with pytest.raises(UserError, match=rf"{field}.*holds the same weights as"):
        weights_lock.check(changed)


@pytest.mark.parametrize("judges", ["embedded", "production"])
def test_all_that_judges_load_is_listed_by_its_field(judges: str) -> None:
    own = ["embedders.own={weights: a/own.onnx, output: b}", "gait={weights: a/gait.onnx, output: b}"]
    named = weights_lock.named(load(Judges, f"cluster/judges/{judges}.yaml", own))
    assert named["embedders.own.weights"] == "a/own.onnx" and named["gait.weights"] == "a/gait.onnx"
    lock = weights_lock.read_lock()
    assert {"embedders.likeness", "embedders.attacker", "faces.weights", "depth.weights"} <= set(named)
    assert set(named.values()) - set(lock) == {"a/own.onnx", "a/gait.onnx"}, "the shipped ones have a licence"
