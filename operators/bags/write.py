"""Bags written anew. What is not given to them is not in them: no name of the source's library or recorder."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mcap.records import Attachment, Metadata
from mcap.writer import Writer
from rosbags.interfaces import Connection
from rosbags.rosbag2 import Writer as Rosbag2Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from operators import storage
from operators.bags.forms import ROS, BagChannel, typestore
from operators.bags.read import is_mcap
from operators.bags.rosbag2 import VERSION
from schemas import __version__
from schemas.errors import UserError

_PROFILES = {"", "ros1", "ros2"}  # the well-known ones; another is a word of the recorder's


class McapOut:
    """An MCAP file. Channels and schemas are numbered anew."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._channels: dict[BagChannel, int] = {}

    def add(self, channel: BagChannel, log_time: int, publish_time: int, number: int, data: bytes) -> None:
        """A message; `number` is its place in its topic."""
        if channel not in self._channels:
            schema = 0
            if channel.schema:
                schema = self._writer.register_schema(
                    channel.schema, channel.schema_encoding, channel.schema_data
                )
            self._channels[channel] = self._writer.register_channel(channel.topic, channel.encoding, schema)
        self._writer.add_message(self._channels[channel], log_time, data, publish_time, number)

    def attach(self, held: Attachment) -> None:
        """A file, as it was."""
        self._writer.add_attachment(held.create_time, held.log_time, held.name, held.media_type, held.data)

    def describe(self, held: Metadata) -> None:
        """A metadata record, as it was."""
        self._writer.add_metadata(held.name, held.metadata)


class Rosbag2Out:
    """A rosbag2 folder with an SQLite database. It has no place for attachments and metadata."""

    def __init__(self, writer: Rosbag2Writer) -> None:
        self._writer = writer
        self._connections: dict[BagChannel, Connection] = {}

    def add(self, channel: BagChannel, log_time: int, publish_time: int, number: int, data: bytes) -> None:
        """As of McapOut. Raises UserError for a type whose definition neither the bag nor rosbags has."""
        if channel not in self._connections:
            self._connections[channel] = self._connected(channel)
        self._writer.write(self._connections[channel], log_time, data)

    def attach(self, held: Attachment) -> None:
        """There is none to be kept."""

    def describe(self, held: Metadata) -> None:
        """There is none to be kept."""

    def _connected(self, channel: BagChannel) -> Connection:
        kind, store = channel.schema, typestore()
        if kind not in ROS:
            store = get_typestore(Stores.ROS2_HUMBLE)
            if channel.schema_encoding == "ros2msg":
                store.register(get_types_from_msg(channel.schema_data.decode(), kind))
        if kind not in store.types:
            remedy = "Take it out, or record it with its definition"
            raise UserError(
                "policy.other_streams.topics", f"the type of {channel.topic} is not known", remedy
            )
        return self._writer.add_connection(channel.topic, kind, typestore=store)


@contextmanager
def new_bag(target: str, name: str, profile: str) -> Iterator[McapOut | Rosbag2Out]:
    """A bag `name` below `target`, of the same kind: an MCAP file, or the folder of a metadata.yaml.

    Raises UserError for a name that leads elsewhere.
    """
    storage.require_below(name)
    folder, _, file = f"{target}/{name}".rpartition("/")
    if not is_mcap(name):
        with tempfile.TemporaryDirectory() as place:
            local = Path(place, Path(folder).name or "bag")  # the database is called like its folder
            with Rosbag2Writer(local, version=VERSION) as held:
                yield Rosbag2Out(held)
            storage.copy(str(local), folder)
        return
    storage.make_folders(folder, [""])
    with storage.open_output(folder, file) as stream:
        writer = Writer(stream)
        writer.start(profile if profile in _PROFILES else "", library=f"recast {__version__}")
        yield McapOut(writer)
        writer.finish()
