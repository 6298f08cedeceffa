"""When the pictures of a folder were taken: what a timestamps file beside them says.

Read is `timestamps.txt`, `times.txt` (as KITTI has them) or `timestamps.csv` in the folder or beside it; or beside it
one that is called like the folder and holds nothing but times (`data.csv` of EuRoC, `rgb.txt` of TUM). A line is a
time, alone or beside a picture's name; what begins with # is none. A time is seconds, a date and time, or a whole
number of milli-, micro- or nanoseconds since 1970, as its size tells.
"""

import os
import re
from datetime import UTC, datetime
from fractions import Fraction

from operators import storage
from operators.planning.streams import Unreadable

NAMES = ("timestamps.txt", "times.txt", "timestamps.csv")
_DATE = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?Z?"
_NUMBER = r"[+-]?\d{1,99}(?:\.\d{0,99})?(?:[eE][+-]?\d{1,2})?"
_LINES = [
    re.compile(rf"(?P<time>{_DATE}|{_NUMBER})(?:[\s,;]+(?P<name>[^\s,;]+))?"),
    re.compile(rf"(?P<name>[^\s,;]+)[\s,;]+(?P<time>{_DATE}|{_NUMBER})"),
]
_UNITS = ((10**17, 10**9), (10**14, 10**6), (10**11, 10**3))  # from which size on a whole number counts what
_LARGEST = 10**12  # seconds: microseconds of it are a number of 64 bits
_REMEDY = "Mend the timestamps file, or take it away: then the policy's images.rate holds"


def above(folder: str) -> tuple[str, ...]:
    """What such a file beside a folder of that name is called."""
    return *NAMES, f"{folder}.txt", f"{folder}.csv"


def read_times(uri: str) -> tuple[bytes, dict[str, Fraction] | list[Fraction]]:
    """The file's bytes, and the seconds that it gives for the folder `uri`: by name where it has names, else in order.

    Empty without such a file. Raises Unreadable if a line is no time, or there is none, and FileNotFoundError for a
    link to nowhere: whoever has such a file means other times than the policy's rate.
    """
    place, _, own = uri.rpartition("/")
    for where, name in [*((uri, name) for name in NAMES), *((place, name) for name in above(own))]:
        is_link = name in NAMES and "://" not in where and os.path.islink(f"{where}/{name}")
        if is_link or storage.exists(where, name):
            data = storage.read_bytes(where, name)
            try:
                return data, _parsed(data.decode(errors="replace").lstrip("\ufeff"))
            except Unreadable:
                if name in NAMES:
                    raise
    return b"", []


def _parsed(text: str) -> dict[str, Fraction] | list[Fraction]:
    found: list[tuple[str, Fraction]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not (said := line.strip().strip(",;")) or said.startswith("#"):
            continue
        match = next(filter(None, (pattern.fullmatch(said) for pattern in _LINES)), None)
        seconds = _seconds(match["time"]) if match else None
        if match and seconds is not None and abs(seconds) < _LARGEST:
            found.append(((match["name"] or "").rpartition("/")[2], seconds))
        elif match or found or number > 1:  # the first may be a table's head
            raise Unreadable(f"line {number} of its timestamps file is no time", _REMEDY)
    if not found:
        raise Unreadable("its timestamps file holds no time", _REMEDY)
    named = {name: seconds for name, seconds in found if name}
    if not named:
        return [seconds for _, seconds in found]
    if len(named) < len(found):
        raise Unreadable("its timestamps file names some pictures twice, or not at all", _REMEDY)
    return named


def _seconds(text: str) -> Fraction:
    if not re.fullmatch(_DATE, text):
        value = Fraction(text)
        whole = value.denominator == 1 and "." not in text and "e" not in text.lower()
        return value / next((unit for size, unit in _UNITS if whole and abs(value) >= size), 1)
    day, _, part = text.rstrip("Z").replace("T", " ").partition(".")
    try:
        moment = datetime.strptime(day, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        raise Unreadable("its timestamps file has a date that is none", _REMEDY) from None
    return int(moment.timestamp()) + Fraction(f"0.{part or 0}")
