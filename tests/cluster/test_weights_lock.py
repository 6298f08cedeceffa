from pathlib import Path

import pytest
import yaml

from cluster import weights_lock
from schemas.config import load
from schemas.errors import UserError
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
