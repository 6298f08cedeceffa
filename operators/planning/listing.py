"""Inputs -> sources: videos and folders of pictures below a folder or prefix, wherever that is."""

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from posixpath import normpath

from operators import stamps, storage
from operators.bags.read import MCAP, ROSBAG2, is_mcap
from operators.bags.rosbag2 import DATABASE
from operators.planning import timestamps
from operators.planning.lists import is_hidden, require_sources, stamp_beside
from operators.planning.people import PEOPLE
from operators.video.still import FORMATS
from schemas.errors import UserError

_ENDINGS = "mp4 mov m4v mkv webm avi ts mts m2ts mpg mpeg wmv flv 3gp 3g2 qt mpe m2v m2t vob asf divx f4v"
EXTENSIONS = tuple(f".{end}" for end in _ENDINGS.split())  # of videos
LISTINGS = 32  # at the same time

Files = dict[str, str]  # the stamp of each file by its path
Spread = Callable[[Callable[[str], Files], list[str]], Iterable[Files]]  # a map over folders, done anywhere


@dataclass(frozen=True)
class Source:
    """A video, or a folder with so many `images`: where it lies, its name below the input, and a stamp that changes
    with its content (the store's ETag, or size and time of the last change). If it has a `problem`, it cannot be read
    by such a name, and `uri` and `name` only show it. No clip lies across one of its `cuts` (seconds), where an episode
    begins or ends. `people`: a file beside it lists some who are in it, see operators/planning/people.py."""

    uri: str
    name: str
    stamp: str
    problem: str = ""
    cuts: tuple[float, ...] = ()
    images: int = 0
    people: bool = False


@dataclass(frozen=True)
class Listing:
    """Videos and folders of pictures, and how many other files lie beside them."""

    videos: list[Source]
    others: int


def side_by_side(look: Callable[[str], Files], folders: list[str]) -> Iterable[Files]:
    """In this process: a store gives 1000 names a request, so requests wait together."""
    with ThreadPoolExecutor(LISTINGS) as threads:
        return list(threads.map(look, folders))


def list_sources(inputs: list[str], spread: Spread = side_by_side) -> Listing:
    """Every source of every input once; names that two inputs share gain the last part of their input.

    Raises UserError as `list_videos`, or if two videos still share a name: keys derive from names.
    """
    listings = {prefix: list_videos(prefix, spread) for prefix in inputs}
    shared = Counter(
        video.name for video in {video for listing in listings.values() for video in listing.videos}
    )
    found: dict[str, Source] = {}
    for prefix, listing in listings.items():
        last = prefix.rstrip("/").rsplit("/", 1)[-1]
        for video in listing.videos:
            name = video.name if shared[video.name] == 1 else normpath(f"{last}/{video.name}")
            found.setdefault(video.uri, replace(video, name=name))
    for name, count in Counter(video.name for video in found.values()).items():
        if count > 1:
            raise UserError(
                name, f"names {count} videos of different inputs", "Give the folder that holds them all"
            )
    videos = sorted(found.values(), key=lambda video: video.uri)
    return Listing(videos, sum(listing.others for listing in listings.values()))


def list_videos(prefix: str, spread: Spread = side_by_side) -> Listing:
    """Every video at or below a local path or an object store's prefix, sorted: by its ending, in any case, unless it
    is hidden or lies in a hidden folder; and every folder that pictures lie in. Linked folders are followed, and what
    they hold is there once.

    Folders are opened here, level by level, until there are enough of them; each is then listed with all below it,
    which `spread` does for all, wherever it likes. Raises UserError if the prefix does not exist, cannot be read, or
    holds no video and no picture.
    """
    try:
        stamp = stamps.stamp(prefix)
        found = {} if stamp else _find(prefix, spread)
    except UserError:
        raise
    except Exception as error:  # every backend raises its own; whichever it is, nothing was listed
        raise _unlisted(prefix, error) from None
    place = storage.absolute(prefix)
    if stamp and ending(place):
        raise UserError(prefix, "is a single picture", "Give the folder that it lies in")
    if stamp:
        return Listing([_with_people(Source(place, place.rsplit("/", 1)[-1], stamp), place, {})], 0)
    if not found:
        remedy = "Give a video file, a folder or an object store's prefix"
        raise UserError(prefix, "does not exist, is empty, or may not be read", remedy)
    found = _once(place, found)
    videos = [
        _source(place, name, found[name]) for name in sorted(found) if _is_video(name) or _is_recording(name)
    ]
    videos = [_with_people(one, place, found) for one in (*videos, *_rosbags(place, found))]
    folders = [_with_people(one, place, found) for one in _folders(place, found)]
    require_sources(place, found, [one.uri for one in (*videos, *folders)])
    if not videos and not folders:
        known = " ".join((*EXTENSIONS, MCAP, *FORMATS))
        raise UserError(
            prefix, f"holds {len(found)} files but no video and no picture", f"Known endings: {known}"
        )
    others = len(found) - len(videos) - sum(folder.images for folder in folders)
    others -= sum(name.endswith(PEOPLE) and not is_hidden(name) for name in found)
    return Listing(videos + folders, others)


def _unlisted(prefix: str, error: Exception) -> UserError:
    if isinstance(error, OSError) and isinstance(error.filename, str) and "://" not in prefix:
        remedy = "Make it readable, or leave it out of the input"
        return UserError(error.filename, f"cannot be listed ({error.strerror})", remedy)
    remedy = "Check the address, and the variables that name store and credentials"
    return UserError(prefix, f"cannot be listed ({type(error).__name__})", remedy)


def _with_people(source: Source, place: str, found: Files) -> Source:
    """A source with its list of people, if there is one: for the stamp both count."""
    stamp = "" if source.problem else stamp_beside(source.uri, place, found)
    if not stamp:
        return source
    return replace(source, people=True, stamp=stamp_of({"": source.stamp, PEOPLE: stamp}))


def _rosbags(place: str, found: Files) -> list[Source]:
    """Every rosbag2 in SQLite, by its metadata.yaml; one stamp for it and the databases beside it."""
    made = []
    for path in sorted(path for path in found if path.rpartition("/")[2] == ROSBAG2 and not is_hidden(path)):
        folder = path.removesuffix(ROSBAG2)
        beside = {
            name: stamp
            for name, stamp in found.items()
            if name.startswith(folder) and "/" not in name[len(folder) :] and name.endswith(DATABASE)
        }
        if beside:
            made.append(_source(place, path, stamp_of(beside | {path: found[path]})))
    return made


def _folders(place: str, found: Files) -> list[Source]:
    """Every folder that pictures lie in. The one that is listed itself is called by a dot."""
    held: dict[str, Files] = defaultdict(dict)
    for path, stamp in found.items():
        folder, _, name = path.rpartition("/")
        held[folder][name] = stamp
    made = []
    for folder, files in sorted(held.items()):
        images = [] if is_hidden(folder) else images_in(files)
        if not images:
            continue
        above, _, own = (folder or place).rpartition("/")
        beside = held.get(above, {}) if folder else _above(place)
        clocks = {f"../{name}": beside[name] for name in timestamps.above(own) if name in beside}
        stamp = stamp_of(
            {name: files[name] for name in (*images, *timestamps.NAMES) if name in files} | clocks
        )
        one = _source(place, folder, stamp) if folder else Source(place, ".", stamp)
        made.append(replace(one, images=len(images)))
    return made


def _above(place: str) -> Files:
    """The timestamps files beside a folder that is itself the input."""
    above, _, own = place.rpartition("/")
    found = {name: stamps.stamp(f"{above}/{name}") for name in timestamps.above(own)}
    return {name: stamp for name, stamp in found.items() if stamp}


def images_in(files: Iterable[str]) -> list[str]:
    """The pictures among a folder's files: by their ending, unless they are hidden or the cover of a video beside them,
    which is called like it."""
    names = set(files)
    videos = {name.rpartition(".")[0] for name in names if _is_video(name)}
    return [
        name
        for name in names
        if ending(name) and not is_hidden(name) and name.rpartition(".")[0] not in videos
    ]


def ending(name: str) -> str:
    """Of a picture's name, in small letters; empty if it is of none."""
    end = f".{name.rpartition('.')[2].lower()}"
    return end if end in FORMATS and "." in name else ""


def stamp_of(files: Files) -> str:
    """One stamp for several files."""
    return hashlib.blake2b(repr(sorted(files.items())).encode(), digest_size=16).hexdigest()


def _source(place: str, name: str, stamp: str) -> Source:
    """A source by the name that it was found by, or as what has no name that can be written down and read again."""
    uri, problem = f"{place}/{name}", unnameable(place, name)
    if not is_utf8(uri):
        uri, name = (
            text.encode(errors="surrogateescape").decode(errors="backslashreplace") for text in (uri, name)
        )
    return Source(uri, name, stamp, problem)


def unnameable(place: str, name: str) -> str:
    """Why a file cannot be read by its name; empty if it can."""
    if not is_utf8(f"{place}/{name}"):
        return "its name is not UTF-8"
    if "://" in place and "?versionId=" in name:
        return "its key holds ?versionId=, which stands for a version of another"
    if not storage.is_below(name):
        return "its name has a part that is empty, . or .."
    return ""


def is_utf8(name: str) -> bool:
    """Whether a file's name can be written down."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _find(prefix: str, spread: Spread) -> Files:
    """Every file below a folder or prefix, by its path in it; none if there is no such folder."""
    try:
        found, folders = _look(prefix)
    except FileNotFoundError:
        return {}
    with ThreadPoolExecutor(LISTINGS) as threads:
        while 0 < len(folders) < LISTINGS:
            looks = list(threads.map(partial(_look, prefix), folders))
            folders = [folder for _, below in looks for folder in below]
            found |= {path: stamp for files, _ in looks for path, stamp in files.items()}
    for part in spread(partial(_below, prefix), folders):
        found |= part
    return found


def _look(prefix: str, folder: str = "") -> tuple[Files, list[str]]:
    """What lies in a folder of `prefix`, files and folders, by their paths in it."""
    inside = f"{folder}/" if folder else ""
    files, folders = stamps.look(f"{prefix.rstrip('/')}/{inside}")
    return {f"{inside}{name}": stamp for name, stamp in files.items()}, [
        f"{inside}{name}" for name in folders
    ]


def _below(prefix: str, folder: str) -> Files:
    """Every file at any depth below a folder of `prefix`."""
    found = stamps.below(f"{prefix.rstrip('/')}/{folder}")
    return {f"{folder}/{path}": stamp for path, stamp in found.items()}


def _is_video(path: str) -> bool:
    """By its ending in any case; what is hidden, or lies in a hidden folder such as .snapshot, is none."""
    return path.lower().endswith(EXTENSIONS) and not is_hidden(path)


def _is_recording(path: str) -> bool:
    return is_mcap(path) and not is_hidden(path)


def _once(place: str, found: Files) -> Files:
    """Without files that are there a second time, through a linked folder; the shorter name stays. A file that is
    itself a link stays, too: stores of content, such as git-annex's and the Hub's, link to one file what is alike."""
    first: dict[tuple[str, str], str] = {}
    counts = Counter(found.values())
    for name in sorted(found, key=lambda name: (name.count("/"), name)):
        stamp = found[name]
        folder, _, own = f"{place}/{name}".rpartition("/")
        twice = counts[stamp] > 1 and "://" not in place
        first.setdefault((stamp, f"{os.path.realpath(folder)}/{own}" if twice else name), name)
    once = {name: found[name] for name in first.values()}
    sources = once.keys() | {name.rpartition("/")[0] for name in once}
    # One list may be that of several, by links.
    lists = {name for name in found if name.endswith(PEOPLE) and name.removesuffix(PEOPLE) in sources}
    return once | {name: found[name] for name in lists}
