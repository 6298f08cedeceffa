"""Bags from released clips: every picture in a message of the same topic, form and time, and nothing that is not named.

Of the source are read the log and publish times and the header's stamp of each message with a picture, and what the
policy's `other_streams` names; that is written as it was. Pictures are those that Audit has read back: JPEG and WebP
encoded once more, as H.265, VP9 and AV1 are; H.264 is the very slices that were audited.
"""

import json
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from operators import storage
from operators.bags.describe import description
from operators.bags.forms import (
    BagChannel,
    holds_pictures,
    said_format,
)
from operators.bags.mcap_file import McapFile
from operators.bags.messages import BagMessage, picture_of
from operators.bags.read import ROSBAG2, is_mcap, opened
from operators.bags.rosbag2 import Rosbag2
from operators.bags.write import McapOut, Rosbag2Out, new_bag
from operators.formats.ended import Ended, require_released, unreleased
from operators.formats.footage import is_footage
from operators.formats.images import RECORD
from operators.formats.names import Names
from operators.video.encode import decode_bytes, encode_video
from operators.video.still import Still, ending_of, written
from operators.video.units import encoded
from schemas.clip import ClipRef
from schemas.errors import UserError
from schemas.exports import Bags, OtherStreams

STATES = ("released", "black", "left out")
_LEFT = ("topics", "messages", "attachments", "metadata")
_CHANGED = "Plan and anonymize it again"


@dataclass(frozen=True)
class BagExport:
    """All bags at or below `place`. `refs` are their planned clips; `read` gives the video of a released one."""

    place: str
    rules: Bags
    others: OtherStreams
    refs: Sequence[ClipRef]
    ended: Mapping[str, Ended]
    read: Callable[[ClipRef], bytes]
    target: str
    names: Names = field(default_factory=lambda: Names(RECORD))  # of all that is given back there
    alone: bool = True  # nothing else is: of these something has to be released

    def write(self) -> dict[str, Any]:
        """Returns what RECORD says: of each bag what became of each topic's messages, and how much was left out."""
        if self.alone:
            require_released(self.refs, self.ended, self.target)
        by_bag = defaultdict[str, list[ClipRef]](list)
        for ref in self.refs:
            by_bag[ref.uri].append(ref)
        for name in map(self._name, by_bag):
            self.names.take(name, [name], "Rename it and plan again")
        record = {"bags": {self._name(uri): self._bag(uri, own) for uri, own in sorted(by_bag.items())}}
        self._describe(sorted(uri for uri in by_bag if is_mcap(uri) and storage.is_below(self._name(uri))))
        storage.write_bytes(self.target, RECORD, json.dumps(record, indent=2, ensure_ascii=False).encode())
        return record

    def _describe(self, uris: Sequence[str]) -> None:
        """metadata.yaml of what was written of rosbag2 folders whose files are MCAP."""
        by_folder = defaultdict[str, list[str]](list)
        for uri in uris:
            by_folder[uri.rpartition("/")[0]].append(self._name(uri))
        for source, names in by_folder.items():
            if storage.exists(source, ROSBAG2):
                folder = f"{self.target}/{names[0]}".rpartition("/")[0]
                own = [name.rpartition("/")[2] for name in names]
                storage.write_bytes(folder, ROSBAG2, description(folder, own))

    def _name(self, uri: str) -> str:
        return uri.removeprefix(storage.absolute(self.place)).strip("/") or uri.rpartition("/")[2]

    def _bag(self, uri: str, own: list[ClipRef]) -> dict[str, Any]:
        pictures = _Pictures(self, own)
        reasons = sorted({ref.problem for ref in own if ref.problem and not (ref.pts and ref.topic)})
        if not pictures.topics:  # it could not be read when it was planned
            return {"topics": {}, "given_back": {}, "left_out": dict.fromkeys(_LEFT, 0), "reasons": reasons}
        with _reading(uri) as bag, new_bag(self.target, self._name(uri), bag.profile) as out:
            left, kept = Counter[BagChannel](), Counter[str]()
            for message in bag.messages():
                if message.channel.topic in pictures.topics and holds_pictures(message.channel):
                    pictures.add(message, out)
                elif self._allowed(message.channel) and message.data is not None:
                    number = kept[message.channel.topic]
                    out.add(message.channel, message.log_time, message.publish_time, number, message.data)
                    kept[message.channel.topic] += 1
                else:
                    left[message.channel] += 1
            pictures.require_end(uri)
            beside = (
                self._beside(bag, out) if isinstance(bag, McapFile) else {"attachments": 0, "metadata": 0}
            )
        said: dict[str, Any] = {"topics": pictures.said, "given_back": dict(kept)}
        said["left_out"] = {"topics": len(left), "messages": left.total(), **beside}
        return said | {"reasons": reasons}

    def _allowed(self, channel: BagChannel) -> bool:
        """Raises UserError for pictures that the policy names."""
        if channel.topic not in self.others.topics:
            return False
        if holds_pictures(channel):
            problem = f"{channel.topic!r} is of pictures, which are never given back as they are"
            raise UserError("policy.other_streams.topics", problem, "Take it out")
        return True

    def _beside(self, bag: McapFile, out: McapOut | Rosbag2Out) -> dict[str, int]:
        """Give back the attachments and metadata that are named; how many are left out."""
        left = {"attachments": 0, "metadata": 0}
        for file in bag.attachments():
            if file.name not in self.others.attachments:
                left["attachments"] += 1
                continue
            if is_footage(file.media_type, file.data):
                problem = f"{file.name!r} is a picture or a video, which is never given back as it is"
                raise UserError("policy.other_streams.attachments", problem, "Take it out")
            out.attach(file)
        for record in bag.metadata():
            if record.name in self.others.metadata:
                out.describe(record)
            else:
                left["metadata"] += 1
        return left


@dataclass
class _Pictures:
    """The pictures of one bag, as its messages come by."""

    export: BagExport
    refs: list[ClipRef]
    said: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.topics = {ref.topic for ref in self.refs if ref.topic}
        self._numbers = Counter[str]()
        self._made: dict[
            str, tuple[str, list[bytes]]
        ] = {}  # of each topic the key and pictures of the clip that is on
        # Where each message's picture is. Two messages of one topic and time with the same bytes are alike.
        self._due = defaultdict[tuple[str, int, str], deque[tuple[ClipRef, int]]](deque)
        for ref in sorted((ref for ref in self.refs if ref.topic), key=lambda ref: ref.first_frame):
            shown = ref.images[len(ref.images) - len(ref.pts) :][ref.overlap :]
            for number, image in enumerate(shown):
                self._due[ref.topic, int(image.name), image.digest].append((ref, number))

    def add(self, message: BagMessage, out: McapOut | Rosbag2Out) -> None:
        """Write the message with its new picture, if there is one; count it. Raises UserError if it was not planned."""
        topic = message.channel.topic
        number = self._numbers[topic]
        self._numbers[topic] += 1
        due = self._due[topic, message.log_time, message.digest]
        if not due:
            raise UserError(self.refs[0].uri, "has changed since it was planned", _CHANGED)
        ref, index = due.popleft()
        state, reason, data = self._picture(ref, index, message)
        self._count(topic, number, state, reason)
        if data is None:
            return
        form, held = picture_of(message)
        frame = held.frame_id if held.frame_id in self.export.others.frame_ids else ""
        said = held.format
        if form.kind == "image":
            said = said_format(said, {".jpg": "jpeg", ".png": "png"}.get(ending_of(data), "webp"))
        new = form.make(replace(held, frame_id=frame, format=said, data=data))
        out.add(form.channel(topic), message.log_time, message.publish_time, number, new)

    def require_end(self, uri: str) -> None:
        """Raises UserError if a planned message did not come by."""
        if any(self._due.values()):
            raise UserError(uri, "has changed since it was planned", _CHANGED)

    def _picture(self, ref: ClipRef, index: int, message: BagMessage) -> tuple[str, str, bytes | None]:
        """How a message's picture ended, why it was not released, and what is given in its place."""
        reason = unreleased(ref, self.export.ended)
        if reason and (self.export.rules.unreleased == "omit" or not ref.width or message.data is None):
            return "left out", reason, None
        held = self._made.get(ref.topic)
        if held is None or held[0] != ref.key:
            held = ref.key, self._clip(ref, message, black=bool(reason))
            self._made[ref.topic] = held
        return "black" if reason else "released", reason, held[1][index]

    def _clip(self, ref: ClipRef, message: BagMessage, black: bool) -> list[bytes]:
        """A clip's pictures, each as a message holds it, stored as the first one's is."""
        form, held = picture_of(message)
        shape = (ref.frames, ref.height, ref.width, 3)
        moments = ref.moments("source")
        video = (
            encode_video(np.zeros(shape, np.uint8), moments, ref.time_base, ref.fps, 30, "veryfast")
            if black
            else self.export.read(ref)
        )
        frames = decode_bytes(video)
        if frames.shape != shape:
            raise UserError(f"clip {ref.key}", "does not hold the planned pictures", "Run jobs.verify")
        if form.kind == "video":
            return encoded(video, frames, held.format)
        still = Still(ref.width, ref.height, ref.rotation, ref.mirrored, ref.gray)
        frames = np.zeros_like(frames) if black else frames
        return [written(frame, still, ending_of(held.data)) for frame in frames]

    def _count(self, topic: str, number: int, state: str, reason: str) -> None:
        said = self.said.setdefault(topic, {**dict.fromkeys(STATES, 0), "unreleased": []})
        said[state] += 1
        if reason:
            listed = said["unreleased"]
            if not listed or (listed[-1]["state"], listed[-1]["reason"]) != (state, reason):
                listed.append({"state": state, "reason": reason, "messages": []})
            listed[-1]["messages"].append(number)


@contextmanager
def _reading(uri: str) -> Iterator[McapFile | Rosbag2]:
    """Raises UserError if a bag cannot be opened that could when it was planned."""
    with ExitStack() as stack:
        try:
            bag = stack.enter_context(opened(uri))
        except UserError:
            raise
        except Exception as error:  # the store's, or the library's
            raise UserError(uri, f"cannot be read any more ({type(error).__name__})", _CHANGED) from None
        yield bag
