"""Bags of the sample video, small, made by the formats' own libraries."""

import base64
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from foxglove_schemas_protobuf.CompressedImage_pb2 import CompressedImage
from foxglove_schemas_protobuf.CompressedVideo_pb2 import CompressedVideo
from mcap.writer import Writer
from mcap_protobuf.schema import build_file_descriptor_set
from PIL import Image
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin
from rosbags.rosbag2 import Writer as Rosbag2Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

START = 1_700_000_000_123_456_789  # ns, of the log
STEP = 100_000_007  # ns between two messages of a topic
DELAY = 3_000_001  # ns from a header's stamp to the log
SECRET = "recorded-by-j-doe"  # which nothing that is given back may hold
FRAME = "camera_front_optical_frame"
_FOXGLOVE = "builtin_interfaces/Time timestamp\nstring frame_id\nuint8[] data\nstring format\n"
STORE = get_typestore(Stores.ROS2_HUMBLE)
for _kind in ("CompressedImage", "CompressedVideo"):
    STORE.register(get_types_from_msg(_FOXGLOVE, f"foxglove_msgs/msg/{_kind}"))
ROS = (
    "sensor_msgs/msg/CompressedImage",
    "foxglove_msgs/msg/CompressedImage",
    "foxglove_msgs/msg/CompressedVideo",
)


def stored(picture: np.ndarray, kind: str = "JPEG") -> bytes:
    """uint8 [H,W,3] -> a file."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, kind, quality=95)
    return file.getvalue()


def stamp(log_time: int) -> tuple[int, int]:
    """Of the header: seconds, nanoseconds."""
    return divmod(log_time - DELAY, 10**9)


def message(schema: str, encoding: str, log_time: int, data: bytes, said: str, frame: str = FRAME) -> bytes:
    """A message with a picture, as a recorder writes it."""
    seconds, nanos = stamp(log_time)
    if encoding == "protobuf":
        kind = CompressedVideo if schema.endswith("Video") else CompressedImage
        made = kind(frame_id=frame, data=data, format=said)
        made.timestamp.seconds, made.timestamp.nanos = seconds, nanos
        return made.SerializeToString()
    if encoding == "json":
        moment = {"sec": seconds, "nsec": nanos}
        fields = {
            "timestamp": moment,
            "frame_id": frame,
            "data": base64.b64encode(data).decode(),
            "format": said,
        }
        return json.dumps(fields | {"operator": SECRET}).encode()
    types = STORE.types
    moment = types["builtin_interfaces/msg/Time"](sec=seconds, nanosec=nanos)
    array = np.frombuffer(data, np.uint8)
    if schema.startswith("sensor_msgs"):
        header = types["std_msgs/msg/Header"](stamp=moment, frame_id=frame)
        return bytes(STORE.serialize_cdr(types[schema](header=header, format=said, data=array), schema))
    made = types[schema](timestamp=moment, frame_id=frame, data=array, format=said)
    return bytes(STORE.serialize_cdr(made, schema))


def schema_of(name: str, encoding: str) -> tuple[str, bytes]:
    """Encoding and data of a schema, with a comment in it where it can have one."""
    if encoding == "protobuf":
        kind = CompressedVideo if name.endswith("Video") else CompressedImage
        described = build_file_descriptor_set(kind)
        described.file.add(name=f"/home/{SECRET}.proto")
        return "protobuf", described.SerializeToString()
    if encoding == "json":
        return "jsonschema", json.dumps({"type": "object", "title": name, "description": SECRET}).encode()
    text = STORE.generate_msgdef(name, ros_version=2)[0]
    return "ros2msg", f"# {SECRET}\n{text}".encode()


class Bag:
    """An MCAP file that is being written, with something beside the pictures."""

    def __init__(self, path: Path, profile: str = "ros2", **options: Any) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self._file = path, path.open("wb")
        self._writer = Writer(self._file, **{"chunk_size": 4000} | options)
        self._writer.start(profile, library=f"recorder {SECRET}")
        self._channels: dict[str, int] = {}

    def channel(
        self, topic: str, schema: str, encoding: str, written: tuple[str, bytes] | None = None
    ) -> None:
        """Register a topic."""
        kind, data = written or schema_of(schema, encoding)
        number = self._writer.register_schema(schema, kind, data)
        self._channels[topic] = self._writer.register_channel(topic, encoding, number, {"driver": SECRET})

    def add(self, topic: str, log_time: int, data: bytes) -> None:
        """A message."""
        self._writer.add_message(
            self._channels[topic], log_time, data, log_time - 5, sequence=log_time % 10**6
        )

    def pictures(
        self, topic: str, schema: str, encoding: str, data: Sequence[bytes], said: str, start: int = START
    ) -> None:
        """A topic with all of its messages."""
        self.channel(topic, schema, encoding)
        for number, each in enumerate(data):
            moment = start + number * STEP
            self.add(topic, moment, message(schema, encoding, moment, each, said))

    def beside(self) -> None:
        """What is no picture: a topic, an attachment, metadata."""
        self.channel("/gps", "Fix", "json", ("jsonschema", b"{}"))
        for number in range(4):
            self.add("/gps", START + number * STEP + 1, json.dumps({"at": number, "who": SECRET}).encode())
        self._writer.add_attachment(START, START, "notes.txt", "text/plain", SECRET.encode())
        self._writer.add_attachment(
            START, START, "face.jpg", "image/jpeg", stored(np.zeros((8, 8, 3), np.uint8))
        )
        self._writer.add_metadata("driver", {"name": SECRET})
        self._writer.add_metadata("site", {"name": "hall 3"})

    def end(self) -> Path:
        """Close it."""
        self._writer.finish()
        self._file.close()
        return self.path


def rosbag2(
    folder: Path,
    topics: Mapping[str, tuple[str, Sequence[bytes], str]],
    plugin: StoragePlugin = StoragePlugin.SQLITE3,
    compression: CompressionMode = CompressionMode.NONE,
) -> Path:
    """A bag of topics: type, data and what is said of their format; /chatter beside them."""
    bag = Rosbag2Writer(folder, version=8, storage_plugin=plugin)
    bag.set_compression(compression, CompressionFormat.ZSTD)
    with bag:
        for topic, (kind, data, said) in topics.items():
            connection = bag.add_connection(topic, kind, typestore=STORE)
            for number, each in enumerate(data):
                moment = START + number * STEP
                bag.write(connection, moment, message(kind, "cdr", moment, each, said))
        text = STORE.types["std_msgs/msg/String"](data=SECRET)
        other = bag.add_connection("/chatter", "std_msgs/msg/String", typestore=STORE)
        for number in range(3):
            moment = START + number * STEP + 1
            bag.write(other, moment, STORE.serialize_cdr(text, "std_msgs/msg/String"))
    return folder


def moments(count: int) -> Iterator[int]:
    """Log times of a topic's first messages."""
    return (START + number * STEP for number in range(count))
