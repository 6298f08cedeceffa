"""Writing in frames: PP-OCRv6 (Apache-2.0) as rapidocr ships it, models included."""

import re
import unicodedata
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

from operators.models.runtime.finite import check_finite
from operators.models.runtime.onnx_session import runs_on_cuda
from operators.weights import vouched
from schemas.cues import Strings
from schemas.profile import Text

# Names in weights.lock of what comes with the package, wherever that is installed.
DETECTOR, RECOGNIZER = "rapidocr/PP-OCRv6_det_small.onnx", "rapidocr/PP-OCRv6_rec_small.onnx"
_OVERLAP = 160  # px between two parts of a frame: a plate or a word is whole in one of them
LEAST = 3  # characters that make a string; a table's foot is read as "X"
_PLATE = re.compile(r"(?=.*\d)\w{4,9}")  # letters and digits, at least one digit, as everywhere on earth
_PLATE_SHAPE = 1.2, 8.0  # width over height
# A line that could not be read is writing if it is so many times as wide as high (people are not), and no larger a
# share of the frame: of 28 on real scenes and streets, which were windows, tables and heads, none is; of 57 lines in
# nine scripts that the reader does not know all are.
_LONG, _LARGE = 1.6, 0.25
_NOTHING = "\ufffd"  # what is read in a line of which nothing is


def text_weights() -> dict[str, Path]:
    """The models' files in the installed package by their names in the lock. Found without running the package."""
    package = find_spec("rapidocr")
    if package is None or not package.origin:
        raise FileNotFoundError("the package rapidocr is not installed")
    models = Path(package.origin).parent / "models"
    return {name: models / Path(name).name for name in (DETECTOR, RECOGNIZER)}


class TextReader:
    """Frames uint8 [T,H,W,3] RGB -> T Strings: lines of writing with at least `settings.confidence`.

    Lines that are found and are not read so surely, or as fewer than three characters, are `unread` if they are long
    enough to hold more, from left to right: Arabic, Thai or Tamil, which the network does not know, and people do.
    Raises UserError for other models than the lock lists, ValueError if a model's output is not finite, and whatever
    onnxruntime does. Reads letters from some 6 px of height; not what is upside down.
    """

    def __init__(self, settings: Text, threads: int = 1, device: str = "cpu") -> None:
        import rapidocr  # slow to import, and only actors need it

        files = {name: str(vouched(file, name)) for name, file in text_weights().items()}
        parameters = {
            "Global.log_level": "critical",
            "Global.use_cls": False,
            "Global.text_score": 0.0,  # unread lines are told, too
            "Global.max_side_len": 2 * settings.tile,  # never scaled down
            "Det.limit_side_len": 32,  # nor up
            "EngineConfig.onnxruntime.intra_op_num_threads": threads,
            "EngineConfig.onnxruntime.use_cuda": runs_on_cuda(device),
            "EngineConfig.onnxruntime.cuda_ep_cfg.device_id": int(device.partition(":")[2] or 0),
            "EngineConfig.onnxruntime.cuda_ep_cfg.cudnn_conv_algo_search": "HEURISTIC",  # sizes vary
            # With a path, rapidocr asks no server for the model.
            "Det.model_path": files[DETECTOR],
            "Rec.model_path": files[RECOGNIZER],
        }
        self.ocr = cast(Any, rapidocr.RapidOCR(params=parameters))
        self.ocr.recognize_txt = _told_if_empty(self.ocr.recognize_txt)
        self.tile, self.confidence = settings.tile, settings.confidence
        for model in (self.ocr._load_det_model(), self.ocr._load_rec_model()):
            model.session = _finite(model.session)

    def __call__(self, frames: np.ndarray) -> list[Strings]:
        return [self._read(frame) for frame in frames]

    def _read(self, frame: np.ndarray) -> Strings:
        boxes, scores, texts, unread = [], [], [], []
        for y in _starts(frame.shape[0], self.tile):
            for x in _starts(frame.shape[1], self.tile):
                part = frame[y : y + self.tile, x : x + self.tile, ::-1]  # blue first
                found = self.ocr(np.ascontiguousarray(part))
                lines = zip(found.boxes, found.scores, found.txts, strict=True) if found.txts else ()
                for corners, score, text in lines:
                    place = corners + np.array([x, y])
                    box = np.concatenate([place.min(axis=0), place.max(axis=0)])
                    if characters(text) >= LEAST and score >= self.confidence:
                        boxes.append(box)
                        scores.append(score)
                        texts.append(text)
                    elif _is_writing(corners, frame.shape[0] * frame.shape[1]):
                        unread.append(box)
        known = np.array(boxes, np.float32).reshape(-1, 4), np.array(scores, np.float32), texts
        return Strings(*known, np.array(unread, np.float32).reshape(-1, 4))


def topic_of(text: str, box: np.ndarray) -> Literal["plate", "text"]:
    """Whether a string in `box` [4] may be a licence plate, of any country, or is other writing.

    When in doubt it is a plate: the time of a clock is one, too, and what cannot be read, "".
    """
    width, height = box[2:] - box[:2]
    low, high = _PLATE_SHAPE
    plain = re.sub(r"[\W_]", "", text)
    alike = (not text or _PLATE.fullmatch(plain)) and low <= width / max(height, 1) <= high
    return "plate" if alike else "text"


def characters(text: str) -> int:
    """Letters and digits; a Chinese character counts twice: it is a word."""
    return sum(1 + (unicodedata.east_asian_width(one) == "W") for one in text if one.isalnum())


def _is_writing(corners: np.ndarray, area: int) -> bool:
    """Whether a line [4,2] that could not be read is writing, and not a window: in a frame of `area` px."""
    width, height = np.linalg.norm(corners[[1, 3]] - corners[0], axis=1)
    return bool(width >= _LONG * height and width * height <= _LARGE * area)


def _told_if_empty(recognize: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """rapidocr leaves out lines in which it reads nothing."""

    def told(pictures: Any) -> Any:
        found = recognize(pictures)
        found.txts = tuple(text if text.strip() else _NOTHING for text in found.txts or ())
        return found

    return told


def _starts(side: int, tile: int) -> list[int]:
    """Where parts of `tile` px begin that overlap and cover `side` px."""
    if side <= tile:
        return [0]
    parts = -(-(side - _OVERLAP) // (tile - _OVERLAP))
    return [round(part * (side - tile) / (parts - 1)) for part in range(parts)]


def _finite(run: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], Any]:
    """NaN passes no threshold, so nothing would be read."""

    def checked(inputs: np.ndarray) -> np.ndarray:
        output = run(inputs)
        check_finite(output)
        return output

    return checked
