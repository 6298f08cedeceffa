"""A profile's weights are for what it does with them, and under licences that it allows; the lock says so of each."""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from cluster import weights_lock
from schemas.config import load
from schemas.errors import UserError
from schemas.profile import Profile
from tests.jobs.small import job

PROFILE = "cluster/profiles/embedded.yaml"


def test_an_adapter_of_the_other_variant_is_refused(tmp_path: Path) -> None:
    job_of = [
        "plan",
        str(tmp_path),
        "--plan",
        str(tmp_path / "plan"),
        "--profile",
        "cluster/profiles/paper.yaml",
    ]
    done = job(*job_of, "--variant", "structall")
    assert done.returncode == 2
    assert "paper.yaml: generator.adapter: " in done.stderr
    assert "trained for structhuman, and the policy says structall" in done.stderr


@pytest.fixture
def adapter(tmp_path: Path) -> Callable[..., str]:
    def made(name: str, **made_for: str) -> str:
        save_file({"weight": torch.zeros(1)}, tmp_path / name, made_for)
        return str(tmp_path / name)

    return made


@pytest.mark.parametrize("mode", ["tubes", "whole_frame"])
@pytest.mark.parametrize("variant", ["structhuman", "structall"])
def test_an_adapter_is_used_for_what_it_was_made_for_and_nothing_else(
    adapter: Callable[..., str], variant: str, mode: str
) -> None:
    """In StructAll the whole frame is generated in either mode."""
    used = "whole_frame" if variant == "structall" else mode
    for known_variant, known_mode in itertools.product(
        ("structhuman", "structall", ""), ("tubes", "whole_frame", "")
    ):
        path = adapter("a.safetensors", variant=known_variant, mode=known_mode)
        changes = [f"generator.adapter={path}", f"generator.mode={mode}"]
        profile = load(Profile, "cluster/profiles/commercial.yaml", changes)
        if (known_variant, known_mode) == (variant, used):
            weights_lock.check_adapter(profile, variant, "mine.yaml")
            continue
        with pytest.raises(
            UserError, match=r"mine\.yaml: generator\.adapter: .* (was trained for|does not say)"
        ):
            weights_lock.check_adapter(profile, variant, "mine.yaml")


def test_the_papers_adapters_want_whole_frames() -> None:
    weights_lock.check_adapter(load(Profile, "cluster/profiles/paper.yaml"), "structhuman", "paper.yaml")
    profile = load(Profile, "cluster/profiles/paper.yaml", ["generator.mode=tubes"])
    with pytest.raises(UserError, match="trained for whole_frame, and the profile says tubes"):
        weights_lock.check_adapter(profile, "structhuman", "paper.yaml")


def test_an_adapter_that_is_no_safetensors_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"adapter")
    changes = [f"generator.adapter={tmp_path}/a.safetensors"]
    profile = load(Profile, "cluster/profiles/commercial.yaml", changes)
    with pytest.raises(UserError, match=r"is no \.safetensors file"):
        weights_lock.check_adapter(profile, "structhuman", "mine.yaml")


def test_a_permissive_profile_refuses_other_licences_by_field() -> None:
    load_and_check = lambda *changes: weights_lock.check_licences(  # noqa: E731
        load(Profile, "cluster/profiles/commercial.yaml", list(changes)), "mine.yaml"
    )
    load_and_check()
    large = "cluster/weights/hub/Depth-Anything-V2-Large-hf"
    with pytest.raises(
        UserError, match=r"mine\.yaml: depth\.weights: .*Large-hf is under CC-BY-NC-4\.0, .*or say"
    ):
        load_and_check(f"depth.weights={large}")
    yolo = "{model: yolo, image_size: 640, weights: cluster/weights/hub/yolo26x-seg.pt}"
    with pytest.raises(UserError, match=r"segment\.1\.weights: .* is under AGPL-3\.0"):
        load_and_check(
            f"segment=[{{model: sam2, weights: cluster/weights/hub/sam2.1-hiera-large, detector: "
            f"{{model: rt_detr, weights: cluster/weights/hub/rtdetr_v2_r101vd}}}}, {yolo}]"
        )
    with pytest.raises(UserError, match=r"pose\.detector\.weights: .* is under AGPL-3\.0"):
        load_and_check(f"pose.detector={yolo}")
    with pytest.raises(UserError, match=r"generator\.adapter: mine\.safetensors has no licence"):
        load_and_check("generator.adapter=mine.safetensors")
    load_and_check(f"depth.weights={large}", "licences=any")


def test_every_job_refuses_what_the_variant_would_load(tmp_path: Path) -> None:
    """Of the embedded profile that is depth, and StructAll's alone."""
    plan = ["plan", str(tmp_path), "--plan", str(tmp_path / "plan"), "--set", "licences=permissive"]
    done = job(*plan, "--variant", "structall")
    assert done.returncode == 2
    assert f"{PROFILE}: depth.weights: cluster/weights/embedded/depth.pt is under AGPL-3.0" in done.stderr
    permissive = load(Profile, PROFILE, ["licences=permissive"])
    weights_lock.check_licences(permissive, PROFILE, "structhuman")
    weights_lock.check_licences(load(Profile, PROFILE), PROFILE, "structall")
    changed = load(Profile, PROFILE, ["licences=permissive", "witness.weights=mine.onnx"])
    with pytest.raises(UserError, match=r"witness\.weights: mine\.onnx has no licence"):
        weights_lock.check_licences(changed, PROFILE, "structhuman")


@pytest.mark.parametrize("name", ["paper", "commercial", "single-gpu"])
def test_the_lock_lists_what_the_production_profiles_name(name: str) -> None:
    lock, profile = weights_lock.read_lock(), load(Profile, f"cluster/profiles/{name}.yaml")
    for path in weights_lock.named(profile).values():
        assert lock[path]["licence"]
        entry = lock[path]
        assert entry.get("sha256") or entry.get("by_hand") or (entry["hub"] and entry["files"])
    assert (profile.generator.window, profile.generator.overlap, profile.generator.flow_shift) == (49, 5, 5.0)
    assert (profile.generator.frame.height, profile.generator.frame.width) == (480, 832)


def test_pickles_of_the_lock_are_named_one_by_one() -> None:
    safe = (".json", ".safetensors", ".txt", ".jinja", ".model")
    for entry in weights_lock.read_lock().values():
        assert [name for name in entry.get("files", []) if "*" in name and not name.endswith(safe)] == []
