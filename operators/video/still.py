"""Single pictures, one a file: what a viewer shows of them, and files like them. Tags and profiles are left out."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import (  # readers register themselves; Pillow's own late loading of them is not safe among threads
    BmpImagePlugin,  # noqa: F401
    Image,
    JpegImagePlugin,  # noqa: F401
    MpoImagePlugin,  # noqa: F401
    PngImagePlugin,  # noqa: F401
    PpmImagePlugin,  # noqa: F401
    TiffImagePlugin,  # noqa: F401
    WebPImagePlugin,  # noqa: F401
)

from operators.video.picture import as_displayed

# By ending. Pillow is asked for nothing else: a file is what its first bytes say, whatever it is called.
FORMATS = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jpe": "JPEG",
    ".png": "PNG",
    ".bmp": "BMP",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".ppm": "PPM",
    ".pgm": "PPM",
}
_GRAY = {"L", "LA"}
_FOOTAGE = {*_GRAY, "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"}
_ORIENTATION = 0x0112  # of Exif, and the tag of that number in TIFF
# By its value: turned counter-clockwise by degrees, after it was mirrored left to right.
_TURNS = {
    1: (0, False),
    2: (0, True),
    3: (180, False),
    4: (180, True),
    5: (90, True),
    6: (270, False),
    7: (270, True),
    8: (90, False),
}
_UPRIGHT = {"TIFF"}  # Pillow turns these itself
_QUALITY = 95  # of lossy formats


class Unusable(Exception):
    """What is the matter with a picture, as it is said of several: `cannot be decoded`. Names no file."""


@dataclass(frozen=True)
class Still:
    """Width and height as displayed: mirrored left to right first, if it is, then turned counter-clockwise by degrees.
    `gray`: of one channel."""

    width: int
    height: int
    rotation: int
    mirrored: bool
    gray: bool


def facts(data: bytes) -> Still:
    """Of a picture, by its header. Raises Unusable."""
    with _opened(data) as image:
        rotation, mirrored = _turn(image)
        width, height = image.size if rotation % 180 == 0 or image.format in _UPRIGHT else image.size[::-1]
        return Still(width, height, rotation, mirrored, image.mode in _GRAY)


def ending_of(data: bytes) -> str:
    """How the name of a file of that format ends. Raises Unusable."""
    with _opened(data) as image:
        kind = "JPEG" if image.format == "MPO" else image.format
        return next(end for end, name in FORMATS.items() if name == kind)


def require_whole(data: bytes) -> None:
    """Raises Unusable unless all of a picture can be decoded."""
    with _opened(data) as image:
        image.draft("RGB", (1, 1))  # of JPEG an eighth is enough to see that
        _load(image)


def pixels(data: bytes) -> np.ndarray:
    """uint8 [H,W,3] RGB as displayed. Raises Unusable."""
    with _opened(data) as image:
        turn = (0, False) if image.format in _UPRIGHT else _turn(image)
        _load(image)
        return as_displayed(np.asarray(image.convert("RGB")), *turn)


def written(shown: np.ndarray, still: Still, ending: str) -> bytes:
    """uint8 [H,W,3] RGB as displayed -> a file: stored as its source was, upright or not, gray or not."""
    turned = np.rot90(shown, -still.rotation // 90)
    stored = turned[:, ::-1] if still.mirrored else turned
    image = Image.fromarray(np.ascontiguousarray(stored))
    image = image.convert("L") if still.gray or ending == ".pgm" else image
    file = io.BytesIO()
    options: dict[str, object] = {"quality": _QUALITY} if FORMATS[ending] in ("JPEG", "WEBP") else {}
    if (number := _number(still)) != 1:
        tags = Image.Exif()
        tags[_ORIENTATION] = number
        options["exif"] = tags
    image.save(file, FORMATS[ending], **options)
    return file.getvalue()


def _number(still: Still) -> int:
    return next(number for number, turn in _TURNS.items() if turn == (still.rotation, still.mirrored))


def _opened(data: bytes) -> Image.Image:
    """Its header read. Raises Unusable for what is no picture of footage, or more than one."""
    try:
        image = Image.open(io.BytesIO(data), formats=sorted(set(FORMATS.values())))
        pages = 1 if image.format in ("JPEG", "MPO") else getattr(image, "n_frames", 1)
    except Exception:  # Pillow raises whatever its readers run into
        raise Unusable("cannot be decoded") from None
    if pages > 1:
        raise Unusable("hold more than one picture a file")
    if image.mode not in _FOOTAGE:
        raise Unusable("are no footage but labels, bits or measurements such as depth")
    return image


def _load(image: Image.Image) -> None:
    try:
        image.load()
    except Exception:
        raise Unusable("cannot be decoded") from None


def _turn(image: Image.Image) -> tuple[int, bool]:
    """Rotation and mirroring; none where Exif says nothing that can be read, as viewers have it."""
    try:
        number = image.getexif().get(_ORIENTATION, 1)
    except Exception:
        number = 1
    return _TURNS.get(number, _TURNS[1])
