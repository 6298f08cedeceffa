"""A folder of pictures -> clip references, as if it were a video: each picture a frame, in the order of their names.

Names are compared part by part, numbers in them by their value: 2 comes before 10. Pictures whose names differ in more
than numbers (left_1.png and right_1.png, 1.jpg and 1.png) are sequences of their own, one behind the other. No clip
holds pictures of two sequences or of two sizes, nor any across a clock that goes back.
"""

import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction

from operators import stamps, storage
from operators.planning.cut import keyed, nothing
from operators.planning.listing import ending, images_in, stamp_of, unnameable
from operators.planning.people import listed_in
from operators.planning.pictures import MOST, Looked, clips_of, usable
from operators.planning.spelling import as_spelled
from operators.planning.streams import Unreadable
from operators.planning.timestamps import read_times
from operators.video.still import FORMATS, Unusable
from schemas.clip import ClipRef, ImageFile
from schemas.errors import UserError
from schemas.profile import Clips

_READERS = 8  # pictures read at the same time: a store's answers are waited for together
_REMEDY = "Replace these pictures, or leave them out of the folder; the others are planned"
_UNEVEN = "Name the pictures in it, or put each sequence into a folder of its own"


def order(name: str) -> tuple[str, list[tuple[int, str]], str]:
    """What pictures are sorted by: their sequence, then their numbers' values."""
    parts = re.split(r"([0-9]+)", name.lower())
    values = [(int(part), "") if number % 2 else (0, part) for number, part in enumerate(parts)]
    return _sequence(name), values, name


def _sequence(name: str) -> str:
    """What names have in common apart from their numbers, their format in place of its spelling."""
    end = ending(name)
    return re.sub(r"[0-9]+", "0", name.lower().removesuffix(end)) + FORMATS[end]


def plan_folder(
    uri: str, key: str, clips: Clips, rate: Fraction, people: bool = False
) -> tuple[str, list[ClipRef]]:
    """The digest of a folder's pictures, and its clips under the source's `key`, at `rate` where no file tells times.
    `people`: a list of them lies beside it.

    What cannot be shown is in references with a `problem`, one for each. Raises Unreadable, or what the store does.
    """
    stamp = _stamp(uri)
    names = sorted(images_in(stamps.look(f"{uri}/")[0]), key=order)
    if not names:
        raise Unreadable("there is no picture in it any more")
    said, times = read_times(uri)
    with ThreadPoolExecutor(_READERS) as readers:
        seen = list(readers.map(lambda name: _look(uri, name, clips), names))
    if _stamp(uri) != stamp:
        raise Unreadable("it was changed while it was planned", "Plan again when nobody writes into it")
    whole = hashlib.blake2b(said, digest_size=16)
    whole.update("".join(f"{one.file.digest} {one.file.name}\n" for one in seen).encode())
    timed, unit = _timed(seen, times, rate)
    bad = sum(not one.still for one in timed)
    empty = nothing(uri, key, whole.hexdigest())
    empty = replace(empty, time_base_den=unit, missing=bad)
    made = clips_of(timed, empty, clips, None if times else rate, _REMEDY)
    if people:
        made = listed_in(made, uri, "folder", {"": [one.file.name for one in seen]})
    return whole.hexdigest(), keyed(made)


def _stamp(uri: str) -> str:
    return stamp_of(stamps.look(f"{uri}/")[0])


def _look(uri: str, name: str, clips: Clips) -> Looked:
    if unnameable(uri, name):
        shown = name.encode(errors="surrogateescape").decode(errors="backslashreplace")
        return Looked(ImageFile(shown, ""), None, "have names that cannot be written down")
    try:
        data = storage.read_bytes(uri, name)
    except (OSError, UserError):
        return Looked(ImageFile(name, ""), None, "cannot be read")
    file = ImageFile(name, hashlib.blake2b(data, digest_size=16).hexdigest())
    try:
        still = usable(data, clips)
    except Unusable as error:
        return Looked(file, None, str(error))
    except Unreadable:
        return Looked(file, None, "are too large for the profile's clip.max_bytes")
    return Looked(file, still, "", sequence=_sequence(name))


def _timed(
    seen: list[Looked], times: dict[str, Fraction] | list[Fraction], rate: Fraction
) -> tuple[list[Looked], int]:
    """Each with its moment, in units of which so many are a second; and what the timestamps name that is not there."""
    if not times:
        return [
            replace(one, moment=number * rate.denominator) for number, one in enumerate(seen)
        ], rate.numerator
    if isinstance(times, list):
        if len(times) != len(seen):
            raise Unreadable(f"its timestamps file has {len(times)} lines for {len(seen)} pictures", _UNEVEN)
        times = {one.file.name: moment for one, moment in zip(seen, times, strict=True)}
    known = {one.file.name for one in seen}
    times = as_spelled(times, known)
    seen = seen + [
        Looked(ImageFile(name, ""), None, "are named in the timestamps file and not there")
        for name in times
        if name not in known
    ]
    seen = [
        one
        if one.file.name in times
        else replace(one, still=None, problem="are not named in the timestamps file")
        for one in seen
    ]
    first = min(times.values())
    unit = 10**6 if max(times.values()) - first < MOST else 1000
    return [
        replace(one, moment=round((times.get(one.file.name, first) - first) * unit)) for one in seen
    ], unit
