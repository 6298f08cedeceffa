"""Pictures of what is left of people where others were taken out, for training the witness."""

import cv2
import numpy as np

from operators.training.camera import degrade_picture
from operators.training.synthetic_people import RenderedClip
from schemas.clip import GRAY

_SIDE = 256  # px of a picture


def partly_masked_scene(
    streets: list[RenderedClip], crops: list[RenderedClip], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """One picture uint8 [256,256,3] and where in it is anything of a person, bool [256,256].

    A street or clutter, people added, as a camera sees it; then some of them or parts of them taken out, painted gray
    as conditioning is. `streets` and `crops` are single frames.
    """
    picture, people = _clutter(rng), np.zeros((_SIDE, _SIDE), bool)
    if rng.random() < 0.75:
        _put_street(picture, people, streets[rng.integers(len(streets))], rng)
    for _ in range(int(rng.choice([0, 1, 2, 3], p=[0.4, 0.3, 0.2, 0.1]))):
        _put_person(picture, people, crops[rng.integers(len(crops))], rng)
    picture = _recolour(degrade_picture(picture, rng, hidden=0.0), rng)
    if rng.random() < 0.5:
        coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 96))])[1]
        picture = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR))
    for _ in range(int(rng.choice([0, 1, 2, 3], p=[0.4, 0.3, 0.2, 0.1]))):
        _take_out(picture, people, rng)
    flip = slice(None, None, -1 if rng.random() < 0.5 else 1)
    return np.ascontiguousarray(picture[:, flip]), np.ascontiguousarray(people[:, flip])


def _clutter(rng: np.random.Generator) -> np.ndarray:
    """Nobody: a gradient with polygons, limb-like ellipses and poles of any colour."""
    cells = int(rng.integers(2, 24))
    picture = cv2.resize(
        rng.integers(0, 256, (cells, cells, 3), np.uint8), (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC
    )
    for _ in range(int(rng.integers(0, 40))):
        colour, size = rng.integers(0, 256, 3).tolist(), np.exp(rng.uniform(1, 4.5, 2))
        x, y = (int(v) for v in rng.integers(0, _SIDE, 2))
        match int(rng.integers(3)):
            case 0:
                corners = [x, y] + rng.normal(0, 1, (int(rng.integers(3, 7)), 2)) * size
                cv2.fillPoly(picture, [corners.astype(np.int32)], colour)
            case 1:
                axes, turn = (int(size[0]) + 1, int(size[1]) + 1), float(rng.uniform(0, 180))
                cv2.ellipse(picture, (x, y), axes, turn, 0, 360, colour, -1, cv2.LINE_AA)
            case _:
                end = (int(x + rng.normal() * size[0] * 3), int(y + rng.normal() * size[1] * 3))
                cv2.line(picture, (x, y), end, colour, int(rng.integers(1, 16)), cv2.LINE_AA)
    return picture


def _put_street(
    picture: np.ndarray, people: np.ndarray, street: RenderedClip, rng: np.random.Generator
) -> None:
    """A window of a street, half of the time at somebody, scaled by 0.4 to 2; what it does not fill stays."""
    scale, (height, width) = float(np.exp(rng.uniform(np.log(0.4), np.log(2)))), street.masks.shape[1:]
    h, w = min(height, round(_SIDE / scale)), min(width, round(_SIDE / scale))
    x, y = int(rng.integers(width - w + 1)), int(rng.integers(height - h + 1))
    ys, xs = np.nonzero(street.masks[0])
    if len(ys) and rng.random() < 0.5:
        i = int(rng.integers(len(ys)))
        x = int(np.clip(xs[i] - rng.integers(w), 0, width - w))
        y = int(np.clip(ys[i] - rng.integers(h), 0, height - h))
    part = street.crop(x, y, w, h).resize(min(_SIDE, round(h * scale)), min(_SIDE, round(w * scale)))
    into = np.s_[: part.frames.shape[1], : part.frames.shape[2]]
    picture[into], people[into] = part.frames[0], part.masks[0] > 0


def _put_person(
    picture: np.ndarray, people: np.ndarray, crop: RenderedClip, rng: np.random.Generator
) -> None:
    """The people of a crop, some 14 to 400 px tall, anywhere, perhaps half outside; sometimes only a part of them."""
    side = int(np.exp(rng.uniform(np.log(20), np.log(500))))
    part = crop.resize(side, side)
    body = part.masks[0] > 0
    if rng.random() < 0.3:
        body &= _half_plane(body, rng)
    x, y = (int(v) for v in rng.integers(-side // 2, _SIDE - side // 2, size=2))
    here, there = (
        np.s_[max(0, y) : y + side, max(0, x) : x + side],
        np.s_[max(0, -y) : _SIDE - y, max(0, -x) : _SIDE - x],
    )
    soft = cv2.GaussianBlur(body.astype(np.float32), (0, 0), 0.7)[there][..., None]
    person = part.frames[0][there] * rng.uniform(0.6, 1.2)
    picture[here] = np.clip(picture[here] * (1 - soft) + person * soft, 0, 255).astype(np.uint8)
    people[here] |= body[there]


def _take_out(picture: np.ndarray, people: np.ndarray, rng: np.random.Generator) -> None:
    """Gray over somebody as a mask leaves it: generous, or with a part missed; or over a piece of nothing."""
    count, found = cv2.connectedComponents(people.astype(np.uint8))
    if count > 1 and rng.random() < 0.85:
        body = (found == rng.integers(1, count)).astype(np.uint8)
        if rng.random() < 0.3:  # as a detector that misses hands and feet
            body = cv2.morphologyEx(body, cv2.MORPH_OPEN, _disc(int(rng.integers(3, 12))))
        gray = cv2.dilate(body, _disc(int(rng.integers(1, 30)))) > 0
        if rng.random() < 0.5:
            gray &= _half_plane(body > 0, rng)
    else:
        gray, middle = np.zeros_like(people), tuple(int(v) for v in rng.integers(0, _SIDE, 2))
        blob = gray.astype(np.uint8)
        cv2.ellipse(
            blob,
            middle,
            (int(rng.integers(3, 50)), int(rng.integers(6, 120))),
            float(rng.uniform(-30, 30)),
            0,
            360,
            1,
            -1,
        )
        gray = blob > 0
    picture[gray], people[gray] = GRAY, False


def _disc(size: int) -> np.ndarray:
    """A round structuring element."""
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))


def _half_plane(body: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """bool [H,W]: one side of a line through a random pixel of `body`."""
    ys, xs = np.nonzero(body)
    if not len(ys):
        return np.ones_like(body)
    i, angle = int(rng.integers(len(ys))), rng.uniform(0, 2 * np.pi)
    y, x = np.ogrid[: body.shape[0], : body.shape[1]]
    return np.asarray((x - xs[i]) * np.cos(angle) + (y - ys[i]) * np.sin(angle) > 0)


def _recolour(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Hue, saturation and brightness shifted; sometimes red and blue swapped."""
    if rng.random() < 0.1:
        picture = picture[..., ::-1]
    tone = cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2HSV).astype(np.float32)
    tone *= np.array([1, rng.uniform(0.4, 1.5), rng.uniform(0.6, 1.4)], np.float32)
    tone[..., 0] = (tone[..., 0] + rng.normal(0, 6)) % 180
    return cv2.cvtColor(np.clip(tone, 0, 255).astype(np.uint8), cv2.COLOR_HSV2RGB)
