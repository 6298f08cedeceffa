"""Messages that hold a picture: read to what Recast knows of them, and made anew of that and nothing else.

Read are foxglove.CompressedImage and foxglove.CompressedVideo, in protobuf, JSON or CDR (foxglove_msgs), and ROS 2's
sensor_msgs/msg/CompressedImage. Schemas are not the source's: comments, paths and further fields could stand in them.
"""

import base64
import json
import re
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from foxglove_schemas_protobuf.CompressedImage_pb2 import CompressedImage
from foxglove_schemas_protobuf.CompressedVideo_pb2 import CompressedVideo
from mcap_protobuf.schema import build_file_descriptor_set
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

_PROTOBUF: dict[str, Any] = {
    "foxglove.CompressedImage": CompressedImage,
    "foxglove.CompressedVideo": CompressedVideo,
}
_FOXGLOVE = "builtin_interfaces/Time timestamp\nstring frame_id\nuint8[] data\nstring format"
ROS = {
    "sensor_msgs/msg/CompressedImage": "std_msgs/Header header\nstring format\nuint8[] data",
    "foxglove_msgs/msg/CompressedImage": _FOXGLOVE,
    "foxglove_msgs/msg/CompressedVideo": _FOXGLOVE,
}
# Of schemas that hold pictures in whatever form. One too many is a topic that is not given back.
_PICTURES = re.compile("image|video|picture|photo|packet|thumbnail", re.IGNORECASE)
_RAW = "mono8|mono16|bgr8|rgb8|bgra8|rgba8|8UC[1-4]|bayer_(?:rggb|bggr|gbrg|grbg)8|yuv422(?:_yuy2)?|uyvy|yuyv|nv12|nv21"
_SAID = re.compile(rf"(?:(?:{_RAW}); ?)?(?:jpeg|jpg|png|webp)(?: compressed ?(?:{_RAW})?)?")


class Malformed(ValueError):
    """A message that is none of its schema."""


@dataclass(frozen=True)
class BagChannel:
    """A topic with the schema of its messages; two of one topic have different ones. `encoding` is of the messages."""

    topic: str
    schema: str
    encoding: str
    schema_encoding: str
    schema_data: bytes


@dataclass(frozen=True)
class PictureMessage:
    """What a message of a picture says. `stamp` is the header's, in seconds and nanoseconds, None where it has none.
    `little`: how CDR orders its bytes."""

    stamp: tuple[int, int] | None
    frame_id: str
    format: str
    data: bytes
    little: bool = True


@dataclass(frozen=True)
class Form:
    """How messages with pictures, or with frames of a video, are written."""

    kind: Literal["image", "video"]
    schema: str
    encoding: str

    def channel(self, topic: str) -> BagChannel:
        """With the schema as it is known here."""
        return BagChannel(topic, self.schema, self.encoding, *_schema(self))

    def read(self, data: bytes) -> PictureMessage:
        """Raises Malformed."""
        try:
            match self.encoding:
                case "protobuf":
                    return _from_protobuf(_PROTOBUF[self.schema].FromString(data))
                case "json":
                    return _from_json(json.loads(data))
                case _:
                    return _from_cdr(self.schema, data)
        except Exception as error:  # each library raises what its own code runs into
            raise Malformed(type(error).__name__) from None

    def make(self, held: PictureMessage) -> bytes:
        """A message of that and nothing else."""
        match self.encoding:
            case "protobuf":
                return _to_protobuf(self.schema, held)
            case "json":
                return _to_json(held)
            case _:
                return _to_cdr(self.schema, held)


def form_of(channel: BagChannel) -> Form | None:
    """None for messages without pictures, and for pictures in a form that is not read."""
    name = channel.schema
    kind: Literal["image", "video"] = "video" if name.endswith("CompressedVideo") else "image"
    known: dict[str, dict[str, Any]] = {"protobuf": _PROTOBUF, "json": _PROTOBUF, "cdr": ROS}
    return Form(kind, name, channel.encoding) if name in known.get(channel.encoding, {}) else None


def holds_pictures(channel: BagChannel) -> bool:
    """Whether its schema is one of pictures, by its name, whether or not it is read."""
    return bool(_PICTURES.search(channel.schema))


def said_format(said: str, plain: str) -> str:
    """What the source says of its pictures' format, if it is one of the words that there are for it; else `plain`."""
    return said if _SAID.fullmatch(said) else plain


def _schema(form: Form) -> tuple[str, bytes]:
    match form.encoding:
        case "protobuf":
            return "protobuf", build_file_descriptor_set(_PROTOBUF[form.schema]).SerializeToString()
        case "json":
            stamp = {
                "type": "object",
                "properties": {"sec": {"type": "integer"}, "nsec": {"type": "integer"}},
            }
            text = {"type": "string"}
            fields = {"timestamp": stamp, "frame_id": text, "format": text}
            fields |= {"data": text | {"contentEncoding": "base64"}}
            return "jsonschema", json.dumps(
                {"title": form.schema, "type": "object", "properties": fields}
            ).encode()
        case _:
            return "ros2msg", typestore().generate_msgdef(form.schema, ros_version=2)[0].encode()


def _from_protobuf(read: Any) -> PictureMessage:
    stamp = (read.timestamp.seconds, read.timestamp.nanos) if read.HasField("timestamp") else None
    return PictureMessage(stamp, read.frame_id, read.format, read.data)


def _to_protobuf(schema: str, held: PictureMessage) -> bytes:
    made = _PROTOBUF[schema](frame_id=held.frame_id, format=held.format, data=held.data)
    if held.stamp:
        made.timestamp.seconds, made.timestamp.nanos = held.stamp
    return bytes(made.SerializeToString(deterministic=True))


def _from_json(read: Any) -> PictureMessage:
    said = read.get("timestamp")
    if said is not None and ({*said} != {"sec", "nsec"} or {type(each) for each in said.values()} != {int}):
        raise ValueError("timestamp")  # what is read as another time would be given back as that
    stamp = (said["sec"], said["nsec"]) if said is not None else None
    data = base64.b64decode(read["data"], validate=True)
    return PictureMessage(stamp, str(read.get("frame_id", "")), str(read.get("format", "")), data)


def _to_json(held: PictureMessage) -> bytes:
    stamp = {"timestamp": {"sec": held.stamp[0], "nsec": held.stamp[1]}} if held.stamp else {}
    data = base64.b64encode(held.data).decode()
    return json.dumps({**stamp, "frame_id": held.frame_id, "data": data, "format": held.format}).encode()


_STORE: list[Typestore] = []


def typestore() -> Typestore:
    """ROS 2's messages with pictures, and what they are made of."""
    if not _STORE:
        store = get_typestore(Stores.EMPTY)
        store.register(
            get_types_from_msg("builtin_interfaces/Time stamp\nstring frame_id", "std_msgs/msg/Header")
        )
        store.register(get_types_from_msg("int32 sec\nuint32 nanosec", "builtin_interfaces/msg/Time"))
        for name, definition in ROS.items():
            store.register(get_types_from_msg(definition, name))
        _STORE.append(store)
    return _STORE[0]


def _from_cdr(schema: str, data: bytes) -> PictureMessage:
    read: Any = typestore().deserialize_cdr(data, schema)
    header = read.header if schema.startswith("sensor_msgs") else read
    stamp = header.stamp if schema.startswith("sensor_msgs") else header.timestamp
    moment = (int(stamp.sec), int(stamp.nanosec))
    return PictureMessage(moment, header.frame_id, read.format, read.data.tobytes(), bool(data[1] & 1))


def _to_cdr(schema: str, held: PictureMessage) -> bytes:
    store = typestore()
    types = store.types
    stamp = types["builtin_interfaces/msg/Time"](*(held.stamp or (0, 0)))
    data = np.frombuffer(held.data, np.uint8)
    if schema.startswith("sensor_msgs"):
        header = types["std_msgs/msg/Header"](stamp, held.frame_id)
        made = types[schema](header=header, format=held.format, data=data)
    else:
        made = types[schema](timestamp=stamp, frame_id=held.frame_id, format=held.format, data=data)
    return bytes(store.serialize_cdr(made, schema, little_endian=held.little))
