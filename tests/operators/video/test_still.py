"""Single pictures: shown as viewers show them, refused where they are no footage, and stored as they were."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from operators.video.still import FORMATS, Unusable, facts, pixels, require_whole, written
from tests.videos import pictures

SHOWN = pictures(1, 37, 51)[0]
ORIENTATION = 0x0112


def stored(image: Image.Image, name: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, name, **options)
    return file.getvalue()


def oriented(number: int, name: str) -> bytes:
    tags = Image.Exif()
    tags[ORIENTATION] = number
    return stored(Image.fromarray(SHOWN), name, exif=tags)


@pytest.mark.parametrize("number", [*range(1, 9), 0, 99])
@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_orientation_is_applied_and_stored_again(number: int, name: str) -> None:
    """Every picture looks as Pillow turns it, and is given back with its size and its tag."""
    data = oriented(number, name)
    still = facts(data)
    with Image.open(io.BytesIO(data)) as image:
        upright = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
        size = image.size
    assert (still.height, still.width) == upright.shape[:2]
    np.testing.assert_array_equal(pixels(data), upright)
    ending = next(ending for ending, other in FORMATS.items() if other == name)
    again = written(upright, still, ending)
    with Image.open(io.BytesIO(again)) as image:
        assert (image.size, image.format) == (size, name)
        assert image.getexif().get(ORIENTATION, 1) == (number if 1 <= number <= 8 else 1)
    assert facts(again) == still
    assert np.abs(pixels(again).astype(int) - upright).mean() < (8 if name in ("JPEG", "WEBP") else 1e-9)


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("gray", [False, True])
def test_a_picture_comes_back_in_its_format(ending: str, gray: bool) -> None:
    image = Image.fromarray(SHOWN)
    still = facts(stored(image.convert("L") if gray else image, "PNG"))
    assert still.gray == gray
    data = written(SHOWN, still, ending)
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == FORMATS[ending]
        assert image.mode == ("L" if (gray or ending == ".pgm") and ending != ".webp" else "RGB")
        assert not image.getexif() or set(image.getexif()) == {ORIENTATION} or ending in (".tif", ".tiff")


@pytest.mark.parametrize("mode", ["RGBA", "LA", "CMYK", "L"])
def test_what_holds_colours_otherwise_is_shown(mode: str) -> None:
    image = Image.fromarray(SHOWN).convert(mode)
    name = "TIFF" if mode == "CMYK" else "PNG"
    np.testing.assert_array_equal(pixels(stored(image, name)), np.asarray(image.convert("RGB")))


def test_eight_of_sixteen_bits_of_colour_are_kept() -> None:
    import cv2

    deep = np.random.default_rng(0).integers(0, 1 << 16, (37, 51, 3), np.uint16)
    data = cv2.imencode(".png", deep[..., ::-1])[1].tobytes()
    np.testing.assert_array_equal(pixels(data), (deep >> 8).astype(np.uint8))


def refused() -> dict[str, tuple[bytes, str]]:
    image = Image.fromarray(SHOWN)
    depth = Image.fromarray(np.arange(37 * 51, dtype=np.uint16).reshape(37, 51))
    whole = stored(image, "JPEG")
    labels = "are no footage"
    return {
        "empty": (b"", "cannot be decoded"),
        "text": (b"no picture at all", "cannot be decoded"),
        "cut JPEG": (whole[: len(whole) * 2 // 3], "cannot be decoded"),
        "cut PNG": (stored(image)[:-200], "cannot be decoded"),
        "gif": (stored(image, "GIF"), "cannot be decoded"),
        "depth": (stored(depth), labels),
        "float": (stored(Image.fromarray(np.zeros((5, 5), np.float32)), "TIFF"), labels),
        "bits": (stored(image.convert("1")), labels),
        "palette": (stored(image.convert("P")), labels),
        "pages": (stored(image, "TIFF", save_all=True, append_images=[image]), "hold more than one"),
        "moving": (
            stored(image, "WEBP", save_all=True, append_images=[image.rotate(9)]),
            "hold more than one",
        ),
    }


@pytest.mark.parametrize("kind", refused())
def test_what_is_no_single_picture_of_footage_is_refused(kind: str) -> None:
    data, said = refused()[kind]
    for ask in (require_whole, pixels) if kind.startswith("cut") else (facts, require_whole, pixels):
        with pytest.raises(Unusable, match=said):
            ask(data)
