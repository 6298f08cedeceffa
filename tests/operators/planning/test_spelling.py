"""A name that somebody writes is that of the file that is spelled otherwise: one letter may be one sign or two."""

from fractions import Fraction
from pathlib import Path
from unicodedata import normalize

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from operators.planning.folder import plan_folder
from operators.planning.listing import list_videos
from operators.planning.spelling import alike, as_spelled, meant, spellings
from schemas.clip import ClipRef
from schemas.errors import UserError
from schemas.profile import Clips

CLIPS = Clips(frames=5, overlap=0, max_bytes=10**8)
FORMS = ("NFC", "NFD")
NAME = "M\u00fcller \u1e9b\u0323 \uac00"  # one sign, one with two marks, and a syllable of three
OTHER = "Mueller"


def test_one_name_is_meant_however_it_is_spelled() -> None:
    composed, apart = normalize("NFC", NAME), normalize("NFD", NAME)
    assert composed != apart
    assert alike(composed, [apart, OTHER]) == alike(apart, [apart, OTHER]) == [apart]
    assert meant(composed, [apart, composed]) == [composed] and meant(apart, [OTHER]) == []
    assert set(spellings(composed)) == set(spellings(apart)) == {composed, apart}
    assert spellings("plain.mp4") == ["plain.mp4"]
    assert alike("\ufb01", ["fi"]) == [], "other letters that look alike are other letters"
    mixed = composed + apart
    assert alike(mixed, [composed + composed]) == [composed + composed]


def test_what_is_said_of_a_name_is_said_of_one_file() -> None:
    composed, apart = normalize("NFC", NAME), normalize("NFD", NAME)
    assert as_spelled({composed: 1, OTHER: 2}, [apart, OTHER]) == {apart: 1, OTHER: 2}
    assert as_spelled({composed: 1, apart: 2}, [apart, composed]) == {apart: 2, composed: 1}
    assert as_spelled({composed: 1, apart: 2}, [apart]) == {apart: 2, composed: 1}
    assert as_spelled({composed + "-": 1}, [apart]) == {composed + "-": 1}
    either = normalize("NFC", NAME) + normalize("NFD", NAME)
    assert as_spelled({either: 1}, [composed * 2, apart * 2]) == {either: 1}, "nobody knows which"


def folder(place: Path, form: str) -> tuple[Path, list[str]]:
    """Four pictures of one size, whose names are spelled so."""
    made = place / "pictures"
    made.mkdir()
    names = [normalize(form, f"{number}\u00fc.png") for number in range(4)]
    for number, name in enumerate(names):
        Image.fromarray(np.full((32, 48, 3), 40 * number, np.uint8)).save(made / name)
    return made, names


@pytest.mark.parametrize("kept", FORMS)
@pytest.mark.parametrize("written", FORMS)
def test_times_and_people_are_those_of_the_pictures_that_are_meant(
    tmp_path: Path, kept: str, written: str
) -> None:
    place, names = folder(tmp_path, kept)
    said = [normalize(written, name) for name in names]
    (place / "timestamps.txt").write_text("".join(f"{2 * n}.5 {name}\n" for n, name in enumerate(said)))
    rows = [
        {"name": name, "frames": 4, "x0": 1.0, "y0": 1.0, "x1": 20.0 + n, "y1": 30.0, "consent": "", "by": ""}
        for n, name in enumerate(said)
    ]
    pq.write_table(pa.Table.from_pylist(rows), f"{place}.people.parquet")
    _, refs = plan_folder(str(place), "k", CLIPS, Fraction(10), people=True)
    assert [ref.problem for ref in refs] == [""] and refs[0].frames == 4
    (ref,) = refs
    assert [image.name for image in ref.images] == names
    assert [pts * ref.time_base for pts in ref.pts] == [0, 2, 4, 6]
    assert [(one.frame, one.x1) for one in ref.listed] == [(n, 20.0 + n) for n in range(4)]


def test_of_two_pictures_that_are_spelled_alike_a_row_is_of_neither(tmp_path: Path) -> None:
    place, names = folder(tmp_path, "NFC")
    twin = place / normalize("NFD", names[0])
    twin.write_bytes((place / names[0]).read_bytes())
    row = {"name": names[0], "frames": 5, "x0": 1.0, "y0": 1.0, "x1": 9.0, "y1": 9.0, "consent": "", "by": ""}
    pq.write_table(pa.Table.from_pylist([row]), f"{place}.people.parquet")
    with pytest.raises(Exception, match="row 1 of its list of people"):
        plan_folder(str(place), "k", CLIPS, Fraction(10), people=True)


def test_a_list_that_is_called_in_other_signs_says_so(tmp_path: Path) -> None:
    (tmp_path / normalize("NFD", "\u00fc.mp4")).write_bytes(b"x")
    beside = tmp_path / normalize("NFC", "\u00fc.mp4.people.parquet")
    beside.write_bytes(b"x")
    with pytest.raises(UserError, match="in other signs for the same letters"):
        list_videos(str(tmp_path))


def test_pictures_in_any_spelling_are_planned(tmp_path: Path) -> None:
    for form in FORMS:
        (tmp_path / form).mkdir()
        place, names = folder(tmp_path / form, form)
        made: list[ClipRef] = plan_folder(str(place), "k", CLIPS, Fraction(10))[1]
        assert [image.name for ref in made for image in ref.images] == names
