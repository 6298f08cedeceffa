"""What may be said in public of why a clip was not released, or was made otherwise: a closed list of sentences.

A reason is put together from what a stage raised, and that may quote whatever it was given: a path, an address, a line
of a caption. So a sentence is published if it stands here, to the word, and else that there was a reason. Numbers,
names of gates and of kinds of errors are what may vary in it.
"""

import errno
import os
import re

from schemas.measures import MEASURES

UNSAID = "for a reason that is not among those that are published"
SEE_LOGS = "See the workers' logs"
STAGES = ("plan", "condition", "regenerate", "audit", "run")

_N, _NUMBER = r"\d{1,12}", r"-?\d[\d.e+-]{0,20}"
_GATE = "(?:" + "|".join(map(re.escape, MEASURES)) + ")"
_ERROR = r"[A-Za-z_][A-Za-z0-9_]{0,60}"  # the name of a class
_PLACE = r"(?:[A-Za-z_][A-Za-z0-9_]{0,60}\.(?:py|pyx|pxd|pyi)|<[a-z_. ]{1,60}>)"  # of code, as a traceback names it
_OTHER = (
    rf"gate {_GATE} (?:is missing|is none|is not due|is not at (?:most|least) {_NUMBER}|is there {_N} times"
)
_OTHER += r"|measures something else|has a score that it cannot have)"
_SYSTEM = "|".join(sorted({re.escape(os.strerror(code)) for code in errno.errorcode}))
_TYPES = r"(?:(?:video|audio|subtitle|data|attachment|unknown)(?:, )?)+"
_REASONS = [
    rf"gate failed: {_GATE}(?:, {_GATE})*",
    rf"not the gates that are due: {_OTHER}(?:; {_OTHER})*",
    r"somebody may be left in the conditioning",
    rf"{_ERROR} at {_PLACE}:{_N}",
    rf"{_N} attempts ended with (?:the worker: a crash, out of memory, a lost machine|their worker, machine or run),"
    rf" or more than {_NUMBER} s",
    r"the worker that processed it died or was refused by the sink, twice",
    # of decoding
    r"the source has changed since it was planned",
    r"its list of people has changed since it was planned",
    rf"the source cannot be decoded \({_ERROR}\)",
    rf"{_N} of {_N} frames cannot be decoded",
    rf"(?:{_N} frames of the source are missing|the source is in (?:PQ|HLG|BT\.2020)|the source is interlaced)"
    r", and the policy refuses that",
    r"its frames do not come in the planned order",
    r"the pictures' orientation changes",
    rf"the picture size changes to {_N}x{_N}",
    r"its display matrix turns it by an angle that is no multiple of 90 degrees",
    r"its interlaced pictures change their size or format",
    # of planning
    r"the file is empty",
    r"it was changed while it was planned",
    rf"no readable video \({_ERROR}\)",
    rf"the file cannot be read \((?:{_SYSTEM}|{_ERROR})\)",
    rf"it cannot be probed \({_ERROR}\)",
    rf"its {_N}x{_N} frames are too large",
    rf"{_N} frames are damaged, or promised by the file's index and not in it",
    rf"{_N} pictures (?:cannot be (?:decoded|read)|hold more than one picture a file|are no footage but labels,"
    r" bits or measurements such as depth|have names that cannot be written down|are too large for the profile's"
    r" clip\.max_bytes|are (?:named in the timestamps file and not there|not named in the timestamps file)"
    r"|lie in a chunk that is damaged|are of a form that is not read|are no messages of their schema|are of a topic"
    r" without a name|are interlaced, or"
    r" not in the order in which they are shown|lean on one that is missing or cannot be decoded)",
    r"the bag is cut short, or damaged where nobody can tell what is missing",
    r"the bag's database or its metadata\.yaml is damaged or missing",
    r"the bag holds fewer messages than it says, or files that its metadata\.yaml does not name",
    r"there is no topic of pictures in it",
    r"a rosbag2 in SQLite is read from a local folder alone",
    r"there is no room for a copy of it on the local disk",
    rf"its timestamps file has (?:{_N} lines for {_N} pictures|a date that is none)",
    rf"line {_N} of its timestamps file is no time",
    r"its timestamps file (?:names some pictures twice, or not at all|holds no time)",
    r"its list of people (?:is no Parquet file|lacks a column, or has one twice|has a column of another type)",
    rf"its list of people (?:has more than {_N} rows|is not of {_N} (?:frames|pictures), as many as it has)",
    rf"row {_N} of its list of people (?:is of no (?:frame|picture|topic of pictures) that it has"
    r"|is of several pictures of one time|is no box in its pictures|has no consent that may be published)",
    r"there is no picture in it any more",
    r"its key holds \?versionId=, which stands for a version of another",
    r"its name is not UTF-8",
    r"its name has a part that is empty, \. or \.\.",
    r"it crashed or hung whatever probed it",
    rf"there is no video stream in it, only (?:{_TYPES}|nothing)(?: \(a cover\))?",
    r"its video codec is unknown",
    r"not one frame can be decoded",
    rf"its timestamps do not tell the order in which its frames are shown(?: \(first at frame {_N}\))?",
    re.escape(UNSAID),
]
_REMEDIES = [
    r"Look at the source beside the reason; a changed policy or better models may release it in a new run",
    r"See the workers' logs; give the stage more memory or time, or leave the source out",
    r"See the log of the run; give the stages more memory, or leave the source out",
    r"Repair or replace the source file and plan it again",
    r"Plan it again",
    r"Mend it, or change sources\.(?:incomplete|hdr|interlaced)",
    r"Split the source where it changes",
    r"Replace the file, or leave it out of the input",
    r"Plan again when nobody writes into it",
    r"Check that it is still there and may be read, and plan again",
    r"Plan again; if it stays so, replace the file",
    r"Raise clip\.max_bytes in the profile",
    r"Fetch the file again, if it was cut short, and plan again; the other frames are planned",
    r"Replace these pictures, or leave them out of the folder; the others are planned",
    r"Record these pictures again, or leave their topic out; the others are planned",
    r"Recover the bag, for example with `mcap recover`, and plan it again; the other frames are planned",
    r"Recover it, for example with `sqlite3 FILE\.db3 \.recover` and `ros2 bag reindex`, and plan it again",
    r"Copy it to a disk, or convert it to MCAP",
    r"Give TMPDIR a larger disk, or convert it to MCAP",
    r"Mend the timestamps file, or take it away: then the policy's images\.rate holds",
    r"Mend the list of people beside (?:it|the video), or take it away, and plan again",
    r"Name the pictures in it, or put each sequence into a folder of its own",
    r"Rename it, and plan again",
    r"Transcode it, or leave it out of the input",
    r"Turn the pictures themselves, for example with ffmpeg",
    r"Transcode it to H\.264",
    r"Transcode it, for example to H\.264 in mp4",
    SEE_LOGS,
]
_REASON, _REMEDY = (re.compile("|".join(f"(?:{one})" for one in listed)) for listed in (_REASONS, _REMEDIES))
_STEP = re.compile(rf"(?:{'|'.join(STAGES)}): (?:{_REASON.pattern})")
# In what a person writes: part of a path or an address, the ending of a file's name.
_LEADS_BACK = re.compile(r"[/@]|\\\w|\w\.(?=\w\w)\w*[^\W\d]")
MOST = 300  # characters of what a person writes


def reason(text: str) -> str:
    """The same if it may be published; else that there was one."""
    return text if _REASON.fullmatch(text) else UNSAID


def remedy(text: str) -> str:
    """The same if it may be published; else where to look."""
    return text if _REMEDY.fullmatch(text) else SEE_LOGS


def climbed(text: str) -> bool:
    """Whether it is why a clip has climbed a rung of the ladder: a stage, and its reason."""
    return bool(_STEP.fullmatch(text))


def written(text: str) -> bool:
    """Whether what a person wrote names no file, path or address, and all of it can be seen. What it means nobody here
    can tell."""
    return len(text) <= MOST and text.isprintable() and not _LEADS_BACK.search(text)
