"""A bag -> clip references: each topic of pictures is a video, one behind the other, its clock that of the log.

Every message is looked at once: pictures are decoded small, of video every frame, as only that tells whether each
message shows one, and which lean on one that is damaged. What lies in a damaged chunk is counted by the chunk's index.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import replace

from av.video.frame import PictureType
from rosbags.rosbag2.errors import ReaderError

from operators import stamps
from operators.bags.forms import BagChannel, Malformed, PictureMessage, form_of, holds_pictures
from operators.bags.local import NO_ROOM, NoRoom
from operators.bags.mcap_file import McapFile
from operators.bags.messages import BagMessage, picture_of
from operators.bags.read import is_mcap, opened
from operators.bags.rosbag2 import Rosbag2
from operators.planning.cut import keyed, longest, nothing
from operators.planning.listing import stamp_of
from operators.planning.people import listed_in
from operators.planning.pictures import Looked, clips_of, usable
from operators.planning.streams import Unreadable
from operators.video.still import Still, Unusable, ending_of
from operators.video.tone import transfer
from operators.video.units import CODECS, UnitDecoder
from schemas.clip import ClipRef, ImageFile
from schemas.profile import Clips

_UNIT = 10**6  # of time, in a second
_REMEDY = "Record these pictures again, or leave their topic out; the others are planned"
_CUT = "the bag is cut short, or damaged where nobody can tell what is missing"
_FEWER = "the bag holds fewer messages than it says, or files that its metadata.yaml does not name"
_RECOVER = "Recover the bag, for example with `mcap recover`, and plan it again; the other frames are planned"
_REPAIR = "Recover it, for example with `sqlite3 FILE.db3 .recover` and `ros2 bag reindex`, and plan it again"


class _Topic:
    """What was seen of one topic of pictures, message by message."""

    def __init__(self, clips: Clips) -> None:
        self.seen: list[Looked] = []
        self.transfer = ""
        self._clips = clips
        self._codec, self._decoder = "", UnitDecoder("h264")
        self._since: int | None = None  # the last key frame, if all since then could be decoded
        self._begins: dict[
            ImageFile, tuple[int, int]
        ] = {}  # of a video's frames their key frame and they themselves

    def look(self, message: BagMessage) -> None:
        """Add what a message shows, or why it does not."""
        file = ImageFile(str(message.log_time), message.digest)
        try:
            still, kind = self._shown(message, file)
            found = Looked(
                file, still, "", sequence=f"{message.channel.schema} {message.channel.encoding} {kind}"
            )
        except Unusable as error:
            found, self._since = Looked(file, None, str(error)), None
        except Unreadable:
            found = Looked(file, None, "are too large for the profile's clip.max_bytes")
        self.seen.append(found)

    def clips(self, empty: ClipRef) -> list[ClipRef]:
        """References to what was seen, those to a video with the frames since the last key frame before their own."""
        first = min(int(one.file.name) for one in self.seen)
        timed = [
            replace(one, moment=round((int(one.file.name) - first) * _UNIT / 10**9)) for one in self.seen
        ]
        empty = replace(empty, time_base_den=_UNIT, transfer=self.transfer)
        return [self._led(ref) for ref in clips_of(timed, empty, self._clips, None, _REMEDY)]

    def _led(self, ref: ClipRef) -> ClipRef:
        key, own = self._begins.get(ref.images[0], (0, 0))
        return (
            ref
            if ref.problem
            else replace(ref, images=[*(one.file for one in self.seen[key:own]), *ref.images])
        )

    def _shown(self, message: BagMessage, file: ImageFile) -> tuple[Still, str]:
        """A picture's shape, and how it is stored. Raises Unusable, or Unreadable if it is too large."""
        if message.data is None:
            raise Unusable("lie in a chunk that is damaged")
        if not message.channel.topic:  # of what has no name nobody could say what became of it
            raise Unusable("are of a topic without a name")
        if not form_of(message.channel):
            raise Unusable("are of a form that is not read")
        try:
            form, held = picture_of(message)
        except Malformed:
            raise Unusable("are no messages of their schema") from None
        if form.kind == "video":
            return self._frame(held, file), held.format
        return usable(held.data, self._clips), ending_of(held.data)

    def _frame(self, held: PictureMessage, file: ImageFile) -> Still:
        if held.format not in CODECS:
            raise Unusable("are of a form that is not read")
        if held.format != self._codec:
            self._codec, self._decoder, self._since = held.format, UnitDecoder(held.format), None
        frame = self._decoder.frame(held.data)
        if frame is None:
            raise Unusable("cannot be decoded")
        if frame.pict_type == PictureType.B or frame.interlaced_frame:
            raise Unusable("are interlaced, or not in the order in which they are shown")
        number = len(self.seen)
        self._since = number if frame.key_frame else self._since
        if self._since is None:
            raise Unusable("lean on one that is missing or cannot be decoded")
        self._begins[file] = self._since, number
        self.transfer = self.transfer or transfer(frame)
        longest(frame.width, frame.height, self._clips)
        return Still(frame.width, frame.height, 0, False, False)


def plan_bag(
    uri: str, key: str, clips: Clips, cameras: Collection[str] = (), people: bool = False
) -> tuple[str, list[ClipRef]]:
    """The digest of a bag's pictures, and its clips under the source's `key`: of the topics `cameras`, if any is named.
    `people`: a list of them lies beside it.

    What cannot be shown is in references with a `problem`, one for each and topic. Raises Unreadable, or what the store
    and the libraries do.
    """
    stamp = _stamp(uri)
    try:
        with opened(uri) as bag:
            topics, left = _look(bag, clips, cameras)
            damage, behind, is_ros = bag.damage, bag.behind, isinstance(bag, Rosbag2)
    except NoRoom:
        raise Unreadable(*NO_ROOM) from None
    except ReaderError:  # of a database that is damaged anywhere SQLite gives nothing
        raise Unreadable("the bag's database or its metadata.yaml is damaged or missing", _REPAIR) from None
    if _stamp(uri) != stamp:
        raise Unreadable("it was changed while it was planned", "Plan again when nobody writes into it")
    digest = _digest(topics)
    empty = nothing(uri, key, digest)
    bad = sum(not one.still for topic in topics.values() for one in topic.seen) + damage
    made: list[ClipRef] = []
    begin = 0
    for name, topic in sorted(topics.items()):
        made += topic.clips(replace(empty, topic=name, first_frame=begin, missing=bad))
        begin += len(topic.seen)
    if damage:
        problem, remedy = (_FEWER, _REPAIR) if is_ros else (_CUT, _RECOVER)
        made.append(replace(empty, first_frame=begin, problem=problem, remedy=remedy))
    if not made:
        raise Unreadable("there is no topic of pictures in it")
    if people:
        frames = {name: [int(one.file.name) for one in topic.seen] for name, topic in topics.items()}
        others = {one.topic for one, count in left.items() if count and holds_pictures(one)} - frames.keys()
        made = listed_in(made, uri, "recording", frames, others)
    lines = [f"{one.topic}: {one.schema or 'no schema'}, {count} messages" for one, count in left.items()]
    more = [f"{behind} bytes behind its end, perhaps another recording"] if behind else []
    made[0] = replace(made[0], other_streams=[*sorted(lines), *more])
    return digest, keyed(made)


def _look(
    bag: McapFile | Rosbag2, clips: Clips, cameras: Collection[str]
) -> tuple[dict[str, _Topic], dict[BagChannel, int]]:
    """The topics of pictures that are asked for, and how many messages each channel of others has."""
    topics: dict[str, _Topic] = defaultdict(lambda: _Topic(clips))
    others = Counter[BagChannel]()
    for message in bag.messages():
        channel = message.channel
        if holds_pictures(channel) and (not cameras or channel.topic in cameras):
            topics[channel.topic].look(message)
        else:
            others[channel] += 1
    return dict(topics), {one: others[one] for one in bag.channels if one.topic not in topics}


def _digest(topics: dict[str, _Topic]) -> str:
    """Of all messages with pictures, and when they were logged."""
    whole = hashlib.blake2b(digest_size=16)
    for name, topic in sorted(topics.items()):
        whole.update(f"{name}\n".encode(errors="surrogatepass"))
        whole.update("".join(f"{one.file.digest} {one.file.name}\n" for one in topic.seen).encode())
    return whole.hexdigest()


def _stamp(uri: str) -> str:
    """Of an MCAP file; else of all files beside metadata.yaml."""
    return stamps.stamp(uri) if is_mcap(uri) else stamp_of(stamps.look(f"{uri.rpartition('/')[0]}/")[0])
