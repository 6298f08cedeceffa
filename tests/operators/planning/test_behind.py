"""Two recordings in one file, of which players show the first: that there is more is said in the plan."""

from pathlib import Path

import pytest

from operators.planning.behind import bytes_behind
from tests.operators.planning.test_fragments import PLAIN, fragments
from tests.operators.planning.test_frames import CODECS, fast, plan
from tests.videos import pictures, write

SHOWN = ("mp4", "mov", "3gp", "flv", "wmv")  # the first alone
ALL = ("mkv", "webm", "avi", "ts")


@pytest.mark.parametrize("ending", [*SHOWN, *ALL])
@pytest.mark.parametrize("index", ["behind", "in front"])
def test_what_no_player_shows_is_named_and_all_else_is_planned(
    tmp_path: Path, ending: str, index: str
) -> None:
    one = write(tmp_path / f"one.{ending}", pictures(20), **CODECS.get(ending, {}))
    if index == "in front":
        if ending not in ("mp4", "mov", "3gp"):
            return
        one = fast(one, tmp_path / f"fast.{ending}")
    data, two = one.read_bytes(), tmp_path / f"two.{ending}"
    two.write_bytes(data + data)
    refs = plan(two)
    said = [f"{len(data)} bytes behind its end, perhaps another recording"] if ending in SHOWN else []
    assert {tuple(ref.other_streams) for ref in refs} == {tuple(said)}
    assert sum(ref.frames for ref in refs) == (20 if said else 40) and not any(ref.problem for ref in refs)
    assert {tuple(ref.other_streams) for ref in plan(one)} == {()}


def test_of_fragments_it_is_named_as_well(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    data = fragments(path, PLAIN, 0)
    path.write_bytes(data + data)
    assert all(f"{len(data)} bytes behind its end" in ref.other_streams[0] for ref in plan(path))


@pytest.mark.parametrize("chunk", [16, 33, 100, 1 << 20])
@pytest.mark.parametrize("ending", ["flv", "wmv"])
def test_a_beginning_is_found_wherever_it_lies(
    tmp_path: Path, ending: str, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("operators.planning.behind._CHUNK", chunk)
    path = write(tmp_path / f"a.{ending}", pictures(3), **CODECS.get(ending, {}))
    data = path.read_bytes()
    name = {"flv": "flv", "wmv": "asf"}[ending]
    assert bytes_behind(str(path), name) == 0
    for between in (0, 1, 7):
        path.write_bytes(data + bytes(between) + data)
        assert bytes_behind(str(path), name) == len(data)
