"""Gate 5: can anything that the policy redacts still be read?"""

import unicodedata
from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from operators.models.scene.ocr import LEAST, TextReader, characters, topic_of
from schemas.certificate import Gate
from schemas.cues import Patch, Strings
from schemas.policy import Policy
from schemas.profile import Profile
from schemas.rules import Topic

_WRITTEN: tuple[Topic, ...] = ("plate", "text")
_FINE = 0.1  # of a line's height: strokes are as wide
_ALIKE = str.maketrans("OQDILSBZG", "000115826")  # what readers take for each other


class TextGate:
    """Reads the source and what is to be published, and compares.

    Where the policy keeps plates, text and screens there is no gate.
    """

    def __init__(self, profile: Profile, policy: Policy) -> None:
        self.policy, self.every, pool = policy, profile.text.every, profile.pools.audit
        self.read = TextReader(profile.text, pool.threads, pool.device) if policy.redacted() else None

    def __call__(
        self, published: Sequence[np.ndarray], source: np.ndarray, painted: np.ndarray, offset: int
    ) -> list[Gate]:
        """published: videos uint8 [N,h,w,3] of any size; source uint8 [offset+N,H,W,3], not painted over.

        painted int32 [M,6], as `paint` takes it. All are read in frames halfway between those that Condition read. A
        string of the source counts where the policy redacts it, or where it was painted over, if read surely; of what
        is published every string that does not lie where the policy keeps it. The score is the similarity of the two
        that are most alike, wherever they are; or of a line that nobody here reads how much of its strokes is left in
        its place, if that is more.
        """
        if self.read is None:
            return []
        frames = [t for t in range(len(source) - offset) if (offset + t) % self.every == self.every // 2]
        frames = frames or [len(source) - offset - 1]
        over = {t: painted[painted[:, 1] == offset + t, 2:] for t in frames}
        found = {t: self._found(source[offset + t]) for t in frames}
        secret = {text for t in frames for text in self._redacted(found[t], source.shape[1:3], over[t])}
        strokes = {t: self._unread(found[t], source.shape[1:3], over[t]) for t in frames}
        asked = [t for t in frames if secret or len(strokes[t])]
        size = source.shape[2], source.shape[1]
        shown = [(t, cv2.resize(video[t], size)) for video in published for t in asked]
        left = {text for t, frame in shown if secret for text in self._readable(frame, over[t])}
        alike = [_similarity(one, other) for one in secret for other in left]
        kept = [_kept(source[offset + t], frame, box) for t, frame in shown for box in strokes[t]]
        return [Gate.at_most("text", max([*alike, *kept], default=0.0), self.policy.gates.text_similarity)]

    def _found(self, frame: np.ndarray) -> Strings:
        assert self.read is not None
        return self.read(frame[None])[0]

    def _redacted(self, found: Strings, size: tuple[int, int], painted: np.ndarray) -> Iterator[str]:
        for text, score, box in self._lines(found, size):
            done = self.policy.action(topic_of(text, box), box, size)
            if score >= self.policy.gates.text_confidence and (done != "keep" or _covered(box, painted)):
                yield from _normal(text)

    def _unread(self, found: Strings, size: tuple[int, int], painted: np.ndarray) -> list[np.ndarray]:
        """Boxes [4] of what is redacted without being read."""
        return [
            box
            for box in found.unread
            if self.policy.action(topic_of("", box), box, size) != "keep" or _covered(box, painted)
        ]

    def _readable(self, frame: np.ndarray, painted: np.ndarray) -> Iterator[str]:
        """Left out is only what may stay whatever it is: a plate with its digits misread is text."""
        for text, _, box in self._lines(self._found(frame), frame.shape[:2]):
            done = {self.policy.action(topic, box, frame.shape[:2]) for topic in _WRITTEN}
            if done != {"keep"} or _covered(box, painted):
                yield from _normal(text)

    def _lines(self, found: Strings, size: tuple[int, int]) -> Iterator[tuple[str, float, np.ndarray]]:
        for line in zip(found.texts, found.scores.tolist(), found.boxes, strict=True):
            if not self._is_excepted(line[0], line[2], size):
                yield line

    def _is_excepted(self, text: str, box: np.ndarray, size: tuple[int, int]) -> bool:
        """Whether a line stays because of what it says: it is no secret, here or where it is painted over."""
        topic = topic_of(text, box)
        return self.policy.action(topic, box, size) != self.policy.action(topic, box, size, text)


def _covered(box: np.ndarray, rectangles: np.ndarray) -> bool:
    """Whether most of `box` [4] lies in any of the rectangles int32 [N,4]."""
    x0, y0, x1, y1 = box.astype(int)
    inside = np.zeros((max(1, y1 - y0), max(1, x1 - x0)), bool)
    for left, top, right, bottom in np.maximum(rectangles - [x0, y0, x0, y0], 0):
        inside[top:bottom, left:right] = True
    return bool(inside.mean() > 0.5)


def _kept(source: np.ndarray, shown: np.ndarray, box: np.ndarray) -> float:
    """How much of what is fine in `box` [4] of a frame uint8 [H,W,3] another shows in the same place: 1 all of it, 0
    nothing. Blur takes it away, and other strokes are as often against it as with it."""
    x0, y0, x1, y1 = Patch.of_box(box, source.shape[:2]).box
    sigma = max(1.0, _FINE * (y1 - y0))
    was, now = (_strokes(frame[y0:y1, x0:x1], sigma) for frame in (source, shown))
    return float(np.clip((was * now).sum() / max(float((was * was).sum()), 1.0), 0, 1))


def _strokes(picture: np.ndarray, sigma: float) -> np.ndarray:
    gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.asarray(gray - cv2.GaussianBlur(gray, (0, 0), sigma))


def _normal(text: str) -> list[str]:
    """Letters and digits only, in capitals, with what readers take for each other made equal; if enough."""
    plain = "".join(one for one in unicodedata.normalize("NFKC", text).upper() if one.isalnum())
    return [plain.translate(_ALIKE)] if characters(plain) >= LEAST else []


def _similarity(one: str, other: str) -> float:
    """1 - edits per character between the shorter string and the part of the longer that is most like it.

    Edit distance by Sellers (1980): the row for no characters is all zeros, so the part may begin anywhere.
    """
    short, long = sorted((one, other), key=len)
    row = [0] * (len(long) + 1)
    for i, character in enumerate(short, 1):
        above, row = row, [i]
        for j, match in enumerate(long, 1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (character != match)))
    return 1 - min(row) / len(short)
