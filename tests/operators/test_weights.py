"""Nothing is loaded that nobody vouched for: in the process that loads it, and pickles only if the lock lists them."""

import os
import pickle
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from ultralytics import YOLO

from cluster import weights_lock
from jobs import train_cues
from jobs.train_cues import write_architecture
from operators import weights
from operators.models.runtime.onnx_session import OnnxNetwork
from operators.models.runtime.yolo import Yolo
from operators.models.scene.ocr import TextReader, text_weights
from operators.models.witnesses.centerface import FACES
from operators.weights import expect, vouched
from schemas.config import load
from schemas.errors import UserError
from schemas.profile import Profile

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _no_run() -> Iterator[None]:
    yield
    weights._expected.clear()


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.mark,)


@pytest.mark.parametrize(
    "name",
    [
        "a.pt",
        "a.PT",
        "a.Pth",
        "a.bin",
        "a.ckpt",
        "a.pkl",
        "a.torchscript",
        "a.engine",
        "a.yaml",
        "a.npz",
        "a",
        "a.x",
    ],
)
def test_what_may_run_code_and_is_not_listed_runs_nothing(tmp_path: Path, name: str) -> None:
    """Formats that run nothing are known; whatever else is taken for one that does, however it is called."""
    path, mark = tmp_path / name, tmp_path / "ran"
    torch.save(Bomb(mark), path)
    with pytest.raises(UserError, match=r"may run code when it is loaded|is no \.pt"):
        Yolo(path, "pose", 64, "cpu", 1, 0.5)
    assert not mark.exists()
    expect({str(path): weights.digest(path)})  # nor if a profile names it
    with pytest.raises(UserError, match="may run code when it is loaded"):
        vouched(path)


def test_a_pickle_under_a_listed_name_is_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "listed.pt"
    path.write_bytes(pickle.dumps([1]))
    monkeypatch.setitem(weights.lock(), str(path), {"sha256": weights.digest(path)})
    assert vouched(path) == path
    path.write_bytes(pickle.dumps([2]))
    with pytest.raises(UserError, match="may run code when it is loaded"):
        vouched(path)
    monkeypatch.setitem(weights.lock(), str(path.parent), {"sha256": weights.digest(path.parent)})
    path.rename(path.with_name("beside.pt"))
    with pytest.raises(UserError, match="may run code when it is loaded"):
        vouched(path.with_name("beside.pt"))  # the folder's entry is not the file's


def test_training_goes_on_from_weights_and_from_nothing_that_runs(tmp_path: Path) -> None:
    """What one task's training leaves is where another's begins; the checkpoint beside it is never read again."""
    torch.manual_seed(0)
    first = YOLO(str(write_architecture("segment", tmp_path)))
    train_cues.strip(first.model, {"version": "1"}, tmp_path / "segment.pt", "segment")
    kept = train_cues.known(tmp_path / "segment.safetensors", tmp_path / "again").state_dict()
    for name, value in first.model.state_dict().items():
        assert torch.equal(kept[name], value.half().to(value.dtype)), name
    second = YOLO(str(write_architecture("pose", tmp_path)))
    second.load(train_cues.known(tmp_path / "segment.safetensors", tmp_path / "again"))
    assert torch.equal(second.model.state_dict()["model.0.conv.weight"], kept["model.0.conv.weight"])
    mark = tmp_path / "ran"
    torch.save(Bomb(mark), tmp_path / "pose.pt")
    with pytest.raises(UserError, match="is no task's weights"):
        train_cues.known(tmp_path / "pose.pt", tmp_path)
    assert not mark.exists()


@pytest.mark.parametrize("name", ["pytorch_model.bin", "modeling.py", "lib.so", "a.PT", "index.h5"])
def test_a_folder_with_more_than_data_is_not_loaded(tmp_path: Path, name: str) -> None:
    (tmp_path / "m/transformer").mkdir(parents=True)
    save_file({"x": torch.ones(2)}, tmp_path / "m/transformer/a.safetensors")
    for beside in (
        "config.json",
        "merges.txt",
        "README.md",
        "LICENSE",
        ".gitattributes",
        "chat.jinja",
        "spiece.model",
    ):
        (tmp_path / "m" / beside).write_text("{}")
    expect({str(tmp_path / "m"): weights.digest(tmp_path / "m")})
    assert vouched(tmp_path / "m") == tmp_path / "m"
    (tmp_path / "m/transformer" / name).write_text("")
    expect({str(tmp_path / "m"): weights.digest(tmp_path / "m")})
    with pytest.raises(UserError, match=f"{name}: may run code when it is loaded"):
        vouched(tmp_path / "m")


def test_a_folder_that_lies_elsewhere_is_not_loaded(tmp_path: Path) -> None:
    """Its files would not be in the digest of the folder that it is linked into."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "m").mkdir()
    (tmp_path / "m/transformer").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="is a link to a folder"):
        weights.digest(tmp_path / "m")
    with pytest.raises(UserError, match="transformer: may run code"):
        vouched(tmp_path / "m")


@pytest.mark.parametrize("folder", [False, True])
def test_a_name_of_more_than_one_line_has_no_digest(tmp_path: Path, folder: bool) -> None:
    """It could say of files that are not there what a digest says of those that are."""
    (tmp_path / "m").mkdir()
    (tmp_path / "m/a.json").write_text("{}")
    said = f"a.json:{weights.digest(tmp_path / 'm/a.json')}\nb.safetensors"
    (tmp_path / "m/a.json").unlink()
    if folder:
        (tmp_path / "m" / said).mkdir()
        (tmp_path / "m" / said / "c.safetensors").write_bytes(b"b")
    else:
        (tmp_path / "m" / said).write_bytes(b"b")
    with pytest.raises(UserError, match="has a name of more than one line"):
        weights.digest(tmp_path / "m")


@pytest.mark.parametrize("way", ["written", "replaced", "added", "same size and time"])
def test_a_folder_that_changes_later_is_looked_at_again(tmp_path: Path, way: str) -> None:
    folder, file = tmp_path / "m", tmp_path / "m/n.safetensors"
    folder.mkdir()
    file.write_bytes(b"1")
    expect({str(folder): weights.digest(folder)})
    assert vouched(folder) == vouched(folder) == folder
    before = file.stat()
    match way:
        case "written":
            file.write_bytes(b"22")
        case "replaced":
            (tmp_path / "other").write_bytes(b"2")
            (tmp_path / "other").replace(file)
        case "added":
            (folder / "o.json").write_text("{}")
        case "same size and time":
            file.write_bytes(b"2")
            os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(UserError, match="is not what the run was begun with"):
        vouched(folder)
    expect({str(tmp_path / "gone"): "0" * 64})
    with pytest.raises(UserError, match="is not what the run was begun with"):
        vouched(tmp_path / "gone/n.safetensors")


@pytest.mark.parametrize("settled", [True, False])
def test_a_file_is_read_once_until_it_changes(
    tmp_path: Path, settled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written anew or another in its place, also with its old times; one that was written just now always."""
    read, real, times = list[Path](), weights._read, (10**18, 10**18)
    monkeypatch.setattr(weights, "_read", lambda path: read.append(path) or real(path))
    monkeypatch.setattr(weights, "_SETTLED", 0 if settled else 10**12)
    file = tmp_path / "w.onnx"

    def digests() -> set[str]:
        os.utime(file, ns=times)
        time.sleep(0.02)  # a tick of the clock by which stamps are made
        return {weights.digest(file), weights.digest(file)}

    file.write_bytes(b"one")
    first = digests()
    file.write_bytes(b"two")
    second = digests()
    (tmp_path / "new").write_bytes(b"six")
    (tmp_path / "new").replace(file)
    third = digests()
    assert [len(one) for one in (first, second, third)] == [1, 1, 1] and len(first | second | third) == 3
    assert len(read) == (3 if settled else 6)


def test_a_listed_path_is_listed_however_it_is_written(tmp_path: Path) -> None:
    """So that neither digest nor licence is asked of another name."""
    name = "cluster/weights/hub/sam3"
    (tmp_path / "link").symlink_to(ROOT / name)
    for path in (f"./{name}", f"cluster/../{name}/", str(ROOT / name), str(tmp_path / "link")):
        assert weights.name_of(path) == name
    assert weights.name_of(tmp_path / "mine.onnx") == str(tmp_path / "mine.onnx")
    profile = load(
        Profile,
        ROOT / "cluster/profiles/embedded.yaml",
        ["depth.weights=./cluster/weights/embedded/depth.pt"],
    )
    assert weights_lock.named(profile)["depth.weights"] == "cluster/weights/embedded/depth.pt"


def field(number: int, value: bytes | int) -> bytes:
    """Of a protobuf message."""
    if isinstance(value, int):
        return bytes([number << 3, value])
    return bytes([number << 3 | 2, len(value)]) + value


def adds_what_lies_beside(file: str) -> bytes:
    """An ONNX model that adds one number to its input, and takes that from another file."""
    where = b"".join(
        field(13, field(1, key) + field(2, value))
        for key, value in ((b"location", file.encode()), (b"length", b"4"))
    )
    number = field(1, 1) + field(2, 1) + field(8, b"w") + where + field(14, 1)
    shape = field(2, field(1, field(1, 1)))
    ends = [field(1, name) + field(2, field(1, field(1, 1) + shape)) for name in (b"image", b"out")]
    add = field(1, b"image") + field(1, b"w") + field(2, b"out") + field(4, b"Add")
    graph = field(1, add) + field(2, b"g") + field(5, number) + field(11, ends[0]) + field(12, ends[1])
    return field(1, 8) + field(7, graph) + field(8, field(2, 13))


def test_a_network_takes_nothing_from_files_beside_it(tmp_path: Path) -> None:
    """Nobody would notice if those were others."""
    (tmp_path / "a.onnx").write_bytes(adds_what_lies_beside("a.bin"))
    (tmp_path / "a.bin").write_bytes(bytes(4))
    with pytest.raises(UserError, match="not a network"):
        OnnxNetwork(tmp_path / "a.onnx", ["out"])


def test_readers_that_come_with_a_package_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = load(Profile, ROOT / "cluster/profiles/embedded.yaml")
    assert {*text_weights(), FACES} <= set(weights_lock.digests(profile))
    expect(weights_lock.digests(profile) | dict.fromkeys(text_weights(), "0" * 64))
    with pytest.raises(UserError, match="is not what the run was begun with"):
        TextReader(profile.text)
    other = tmp_path / "other.onnx"
    other.write_bytes(b"another network")
    monkeypatch.setattr(weights_lock, "text_weights", lambda: dict.fromkeys(text_weights(), other))
    with pytest.raises(UserError, match=r"is not what weights\.lock lists"):
        weights_lock.digests(profile)


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
    assert source.count("weights_lock.checked(stage.operator, digests)") == source.count(".map_batches(") == 1
