"""Nothing is loaded that nobody vouched for: in the process that loads it, and pickles only if the lock lists them."""

import ast
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from cluster import weights_lock
from operators import weights
from operators.models.yolo import Yolo
from operators.weights import expect, vouched
from schemas.config import load
from schemas.errors import UserError
from schemas.profile import Profile

ROOT = Path(__file__).parents[2]
ROOMS = [path for room in ("operators", "jobs", "cluster", "schemas") for path in (ROOT / room).rglob("*.py")]
RELEASING = [
    path
    for path in ROOMS
    if not str(path.relative_to(ROOT)).startswith(("operators/training/", "jobs/train_", "jobs/convert_cues"))
]
LOADERS = {
    "YOLO",
    "InferenceSession",
    "readNetFromONNX",
    "readNet",
    "load_file",
    "from_pretrained",
    "safe_open",
}
# What it trained itself a moment ago, in a format of which there is no other.
OWN = {("jobs/train_cues.py", "strip")}


@pytest.fixture(autouse=True)
def _no_run() -> Iterator[None]:
    yield
    weights._expected.clear()


def calls(path: Path) -> Iterator[tuple[str, ast.Call, str]]:
    """Function, call and the name of what is called, wherever in a file."""
    for function in ast.walk(ast.parse(path.read_text())):
        if isinstance(function, ast.FunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Call):
                    yield ast.unparse(function), node, ast.unparse(node.func)


def test_torch_loads_weights_only() -> None:
    found = [
        (str(path.relative_to(ROOT)), call, source)
        for path in ROOMS
        for source, call, name in calls(path)
        if name in ("torch.load", "load") and "torch.load" in ast.unparse(call)
    ]
    assert found
    for file, call, source in found:
        options = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        own = any(file == where and source.startswith(f"def {what}(") for where, what in OWN)
        assert options.get("weights_only") == "True" or own, file


def test_every_loader_of_what_releases_is_given_what_was_vouched_for() -> None:
    found = [
        (str(path.relative_to(ROOT)), source, call)
        for path in RELEASING
        for source, call, name in calls(path)
        if name.split(".")[-1] in LOADERS
    ]
    assert len(found) >= 10
    for file, source, call in found:
        given = ast.unparse(call.args[0])
        names = [node.id for node in ast.walk(call.args[0]) if isinstance(node, ast.Name)]
        assigned = [
            line.split("=")[0] for line in source.splitlines() if " = " in line and "vouched(" in line
        ]
        vouched_name = any(name in before for name in names for before in assigned)
        assert "vouched(" in given or vouched_name, f"{file}: {ast.unparse(call)}"


def test_models_in_folders_are_read_as_safetensors() -> None:
    for path in ROOMS:
        for _, call, name in calls(path):
            if name.endswith("from_pretrained") and path.name != "loading.py":
                options = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
                assert options.get("use_safetensors") == "True", f"{path}: {ast.unparse(call)}"


def test_nothing_else_unpickles() -> None:
    for path in ROOMS:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {"pickle", "dill", "cloudpickle", "joblib", "shelve"} & set(names), path
            if isinstance(node, ast.keyword):
                assert node.arg != "allow_pickle" or ast.unparse(node.value) == "False", path


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("name", ["mine.pt", "mine.pth", "mine.bin", "mine.ckpt", "mine.pkl"])
def test_a_pickle_that_the_lock_does_not_list_runs_nothing(tmp_path: Path, name: str) -> None:
    path, mark = tmp_path / name, tmp_path / "ran"
    torch.save(Bomb(mark), path)
    with pytest.raises(UserError, match="runs code when it is loaded"):
        Yolo(path, "pose", 64, "cpu", 1, 0.5)
    assert not mark.exists()
    expect({str(path): weights.digest(path)})  # nor if a profile names it
    with pytest.raises(UserError, match="runs code when it is loaded"):
        vouched(path)


def test_a_pickle_under_a_listed_name_is_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "listed.pt"
    path.write_bytes(pickle.dumps([1]))
    monkeypatch.setitem(weights.lock(), str(path), {"sha256": weights.digest(path)})
    assert vouched(path) == path
    path.write_bytes(pickle.dumps([2]))
    with pytest.raises(UserError, match="runs code when it is loaded"):
        vouched(path)
    monkeypatch.setitem(weights.lock(), str(path.parent), {"sha256": weights.digest(path.parent)})
    path.rename(path.with_name("beside.pt"))
    with pytest.raises(UserError, match="runs code when it is loaded"):
        vouched(path.with_name("beside.pt"))  # the folder's entry is not the file's


def test_an_actor_loads_what_its_run_was_begun_with(tmp_path: Path) -> None:
    path, folder = tmp_path / "a.safetensors", tmp_path / "model"
    folder.mkdir()
    for file in (path, folder / "b.safetensors"):
        save_file({"x": torch.ones(2)}, file)
    digests = {str(one): weights.digest(one) for one in (path, folder)}
    expect(digests)
    assert vouched(path) == path and vouched(folder / "b.safetensors") == folder / "b.safetensors"
    with pytest.raises(UserError, match="is nothing that the run was begun with"):
        vouched(tmp_path / "other.safetensors")
    for file in (path, folder / "b.safetensors"):
        save_file({"x": torch.zeros(2)}, file)
        expect(digests)
        with pytest.raises(UserError, match="is not what the run was begun with"):
            vouched(file)


def test_the_stages_are_made_in_actors_that_look() -> None:
    """As jobs.anonymize makes them: one that is told of other weights refuses to work."""
    profile = load(Profile, ROOT / "cluster/profiles/embedded.yaml")
    made: list[str] = []

    class Stage:
        def __init__(self, path: str) -> None:
            made.append(str(vouched(path)))

    digests = weights_lock.digests(profile)
    assert "Stage" in weights_lock.checked(Stage, digests).__name__
    for path in weights_lock.named(profile).values():
        weights_lock.checked(Stage, digests)(path)
        with pytest.raises(UserError, match="is not what the run was begun with"):
            weights_lock.checked(Stage, digests | {path: "0" * 64})(path)
    assert made == list(weights_lock.named(profile).values())
    source = (ROOT / "jobs/anonymize.py").read_text()
    assert source.count("weights_lock.checked(") == 1 and "(Condition, Regenerate, Audit)" in source
