"""Weights come from a hub or a mirror as the lock says, or not at all."""

import errno
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from cluster import weights_hub, weights_lock
from schemas.config import load
from schemas.errors import UserError
from schemas.profile import Profile
from tests import hub
from tests.jobs.small import ROOT, job

PROFILE = "cluster/profiles/embedded.yaml"
FILES = {
    "config.json": b"{}",
    "model.safetensors": b"weights" * 1000,
    "part/other.safetensors": b"more",
    "training.bin": b"a pickle",
    "README.md": b"text",
}
WANTED = {"config.json", "model.safetensors", "part/other.safetensors"}


class Site:
    """A lock with one model of a hub, where it is to lie, and options of a profile that names it and nothing else."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.path, self.lock = f"{folder}/hub/tiny", folder / "weights.lock"
        self.entry = {"hub": "org/tiny", "licence": "Apache-2.0", "files": ["*.json", "*.safetensors"]}
        self.write()
        self.profile = folder / "profile.yaml"
        self.name()
        patch.setattr(weights_lock, "LOCK", self.lock)

    def name(self, path: str = "") -> None:
        """Make the profile name `path` (default: the model) wherever it names weights."""
        settings, path = yaml.safe_load((ROOT / PROFILE).read_text()), path or self.path
        for part in ("pose", "segment", "depth", "generator"):
            settings[part] = {**settings[part], "weights": path}
        self.profile.write_text(yaml.safe_dump(settings))

    def write(self, **known: str) -> None:
        self.lock.write_text(
            "# A comment\n" + yaml.safe_dump({self.path: {**self.entry, **known}}, sort_keys=False)
        )

    def run(self, *arguments: str) -> tuple[int, str]:
        done = job("weights", *arguments, "--profile", str(self.profile))
        return done.returncode, done.stdout + done.stderr

    def put(self, files: dict[str, bytes]) -> None:
        for name in WANTED:
            file = Path(self.path, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(files[name])


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    return Site(tmp_path, monkeypatch)


def found(folder: str | Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in Path(folder).rglob("*") if file.is_file()}


def fetch_in_its_own_process(site: Site, endpoint: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """As a user runs it, in an environment that is offline otherwise."""
    code = f"""
import sys, runpy
from pathlib import Path
from cluster import weights_hub, weights_lock
weights_lock.LOCK = Path({str(site.lock)!r})
sys.argv = ["weights", "fetch", "--profile", {str(site.profile)!r}, *{list(arguments)!r}]
runpy.run_module("jobs.weights", run_name="__main__")
"""
    environment = {**os.environ, "HF_ENDPOINT": endpoint, "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, text=True, capture_output=True, check=False
    )


def test_a_hub_s_model_is_pinned_once_and_then_has_to_be_the_same(site: Site) -> None:
    with hub.serve({"org/tiny": FILES}) as endpoint:
        first = fetch_in_its_own_process(site, endpoint, "--pin")
        assert first.returncode == 0, first.stderr
        entry = yaml.safe_load(site.lock.read_text())[site.path]
        assert entry == {
            **site.entry,
            "revision": hub.COMMIT,
            "sha256": weights_lock.digest(site.path),
            "bytes": sum(len(FILES[name]) for name in WANTED),
        }
        assert site.lock.read_text().startswith("# A comment\n")
        assert found(site.path) == WANTED
        assert site.run("check")[0] == 0
    changed = {**FILES, "model.safetensors": b"other"}
    Path(site.path).rename(site.path + "-away")
    with hub.serve({"org/tiny": changed}) as endpoint:
        second = fetch_in_its_own_process(site, endpoint, "--pin")
    assert second.returncode == 2
    assert "what came has the digest" in second.stderr and "do not use it" in second.stderr
    assert not Path(site.path).exists() and not list(Path(site.path).parent.glob("*.partial*"))


def test_a_download_that_was_cut_off_goes_on_where_it_was(site: Site) -> None:
    """The shard that was there is not brought again, of the other one only the rest; nothing is in its place before."""
    large = {"a.safetensors": bytes(range(256)) * 40_000, "b.safetensors": bytes(range(255, -1, -1)) * 80_000}
    half = 11 << 20  # the client writes 10 MiB at once
    first: hub.Gets = []
    # The client itself tries again: it is cut off as often.
    with hub.serve({"org/tiny": large}, cut={"b.safetensors": half}, gets=first, stay_cut=True) as endpoint:
        done = fetch_in_its_own_process(site, endpoint, "--pin")
        assert done.returncode == 2 and "cannot be fetched" in done.stderr and "goes on there" in done.stderr
    assert not Path(site.path).exists() and "sha256" not in site.lock.read_text()
    second: hub.Gets = []
    with hub.serve({"org/tiny": large}, gets=second) as endpoint:
        done = fetch_in_its_own_process(site, endpoint, "--pin")
        assert done.returncode == 0, done.stderr
    assert {name for name, _ in second} == {"b.safetensors"}
    assert all(int(asked.removeprefix("bytes=").rstrip("-")) >= 10 << 20 for _, asked in second)
    assert {file: Path(site.path, file).read_bytes() for file in large} == large
    assert not Path(f"{site.path}.hub").exists()


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_what_comes_is_what_the_hub_states_or_it_is_thrown_away(site: Site, name: str) -> None:
    """LFS files by their sha256, others by git's digest. What was right stays, and is not brought again."""
    with hub.serve({"org/tiny": FILES}, stated={name: FILES[name][::-1]}) as endpoint:
        done = fetch_in_its_own_process(site, endpoint, "--pin")
    assert done.returncode == 2
    assert f"org/tiny/{name}: came with the digest " in done.stderr and "the hub states" in done.stderr
    kept = found(f"{site.path}.hub") if Path(f"{site.path}.hub").exists() else set()
    assert not Path(site.path).exists() and name not in kept
    assert all(Path(f"{site.path}.hub", one).read_bytes() == FILES[one] for one in kept)
    assert "sha256" not in site.lock.read_text()
    again: hub.Gets = []
    with hub.serve({"org/tiny": FILES}, gets=again) as endpoint:
        assert fetch_in_its_own_process(site, endpoint, "--pin").returncode == 0
    assert {one for one, _ in again} == WANTED - kept
    if name == "model.safetensors":
        assert kept == {"config.json"}


@pytest.mark.parametrize("there", [b"weights" * 1000, b"weights" * 2000])
def test_what_was_left_of_a_fetch_is_no_dead_end(site: Site, there: bytes) -> None:
    """A file that came whole and was not put in its place yet, and one that two wrote at once: the hub answers to a
    range that begins at a file's end, or beyond it, with an error."""
    part = Path(f"{site.path}.hub", ".parts", hashlib.sha256(FILES["model.safetensors"]).hexdigest())
    part.parent.mkdir(parents=True)
    part.write_bytes(there)
    with hub.serve({"org/tiny": FILES}) as endpoint:
        done = fetch_in_its_own_process(site, endpoint, "--pin")
    assert done.returncode == 0, done.stderr
    assert Path(site.path, "model.safetensors").read_bytes() == FILES["model.safetensors"]


def test_all_that_a_gated_page_says_is_said(site: Site) -> None:
    page = "Access is restricted and you are not in the list. " * 6 + "Ask at https://hub.example/org/tiny"
    with hub.serve({"org/tiny": FILES}, refusal=page) as endpoint:
        done = fetch_in_its_own_process(site, endpoint, "--pin")
    assert done.returncode == 2 and "https://hub.example/org/tiny" in done.stderr


def test_a_full_disk_is_called_that(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    full = OSError(errno.ENOSPC, "No space left on device")
    with hub.serve({"org/tiny": FILES}) as endpoint:
        monkeypatch.setenv("HF_ENDPOINT", endpoint)
        entry = weights_lock.read_lock()[site.path]
        monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5000))
        with pytest.raises(UserError, match=r"disk is full .*0\.0 GB are to come"):
            weights_hub.fetch(site.path, entry, pin=True)
        monkeypatch.undo()
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        monkeypatch.setenv("HF_ENDPOINT", endpoint)
        monkeypatch.setattr(
            "huggingface_hub.file_download.http_get", lambda *_, **__: (_ for _ in ()).throw(full)
        )
        with pytest.raises(UserError, match="the disk is full"):
            weights_hub.fetch(site.path, entry, pin=True)


def test_without_a_digest_nothing_comes_and_nothing_runs(site: Site) -> None:
    code, said = site.run("fetch")
    assert (code, "has no digest" in said, "--pin" in said) == (2, True, True)
    assert not Path(site.path).exists()
    site.put(FILES)
    for run in (lambda: site.run("check")[1], lambda: str(_refused(site))):
        assert "has no digest in weights.lock" in run()


def _refused(site: Site) -> UserError:
    with pytest.raises(UserError) as refused:
        weights_lock.check(load(Profile, site.profile))
    return refused.value


def test_a_site_without_internet_fetches_from_the_mirror(site: Site, s3: str) -> None:
    site.put(FILES)
    site.write(sha256=weights_lock.digest(site.path))
    for mirror in (f"{s3}/weights", f"{site.lock.parent}/mirror"):
        assert site.run("mirror", "--to", mirror)[0] == 0
        Path(site.path).rename(site.path + mirror[-3:])
        assert site.run("check")[0] == 2
        code, said = site.run("fetch", "--from", mirror)
        assert code == 0, said
        assert found(site.path) == WANTED and site.run("check")[0] == 0


def test_what_was_changed_in_the_mirror_or_here_is_refused(site: Site) -> None:
    mirror = site.lock.parent / "mirror"
    site.put(FILES)
    site.write(sha256=weights_lock.digest(site.path))
    assert site.run("mirror", "--to", str(mirror))[0] == 0
    site.put({**FILES, "config.json": b"{ }"})
    for action in (["check"], ["fetch", "--from", str(mirror)], ["mirror", "--to", str(mirror)]):
        code, said = site.run(*action)
        assert (code, "is not what weights.lock lists" in said) == (2, True)
    Path(site.path).rename(site.path + "-away")
    copy = next(mirror.rglob("model.safetensors"))
    copy.write_bytes(copy.read_bytes() + b"!")
    code, said = site.run("fetch", "--from", str(mirror))
    assert (code, "what came has the digest" in said) == (2, True)
    assert not Path(site.path).exists()
    code, said = site.run("fetch", "--from", f"{mirror}/nothing")
    assert (code, "Fill the mirror" in said) == (2, True)


def test_a_pickle_comes_only_by_its_own_name(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    site.entry["files"] = ["*"]
    site.write()
    with hub.serve({"org/tiny": FILES}) as endpoint:
        monkeypatch.setenv("HF_ENDPOINT", endpoint)
        code, said = site.run("fetch", "--pin")
        assert (code, "training.bin: runs code when loaded" in said) == (2, True)
        assert found(site.lock.parent) == {"weights.lock", "profile.yaml"}
        path = f"{site.lock.parent}/hub/training.bin"
        site.lock.write_text(yaml.safe_dump({path: {**site.entry, "files": ["training.bin"]}}))
        site.name(path)
        assert site.run("fetch", "--pin")[0] == 0
    assert Path(path).read_bytes() == b"a pickle"


def test_what_is_brought_by_hand_must_begin_as_its_authors_say(site: Site) -> None:
    site.path += ".safetensors"
    file, digest = Path(site.path), hashlib.sha256(b"adapter").hexdigest()
    site.entry = {"by_hand": "the archive of its authors", "licence": "Apache-2.0", "begins": digest[:8]}
    site.write()
    site.name()
    code, said = site.run("fetch", "--pin")
    assert (code, "Put it there: the archive of its authors" in said) == (2, True)
    file.parent.mkdir(parents=True)
    file.write_bytes(b"another")
    code, said = site.run("fetch", "--pin")
    assert (code, "Do not use it" in said) == (2, True)
    file.write_bytes(b"adapter")
    assert "has no digest" in site.run("check")[1]
    assert site.run("fetch", "--pin")[0] == 0
    assert yaml.safe_load(site.lock.read_text())[site.path] == {**site.entry, "sha256": digest, "bytes": 7}
    assert site.run("check")[0] == 0
    file.write_bytes(b"another")
    assert "is not what weights.lock lists" in site.run("check")[1]


def test_what_judges_load_is_checked_and_what_is_not_there_is_said() -> None:
    found = job("weights", "check", "--judges", "embedded")
    assert found.returncode == 0 and "embedders.attacker" in found.stdout
    lacking = job("weights", "check", "--judges", "production")
    assert lacking.returncode == 2 and "weights not found" in lacking.stderr
    nobody = job("weights", "check", "--judges", "nobody")
    assert nobody.returncode == 2 and "nobody" in nobody.stderr and "Traceback" not in nobody.stderr
