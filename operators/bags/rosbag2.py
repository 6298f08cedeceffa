"""A rosbag2 recording in SQLite: a folder with metadata.yaml and with .db3 files, as the rosbags package reads it."""

from collections.abc import Iterator
from typing import Literal

from rosbags.interfaces import Connection
from rosbags.rosbag2 import Reader

from operators.bags.forms import BagChannel
from operators.bags.messages import BagMessage

PROFILE = "ros2"
VERSION: Literal[8] = 8  # of metadata.yaml: the older one that rosbags writes


class Rosbag2:
    """As McapFile. Messages come in the order of their log times, which are their publish times. It holds neither
    attachments nor metadata that belong to messages."""

    profile = PROFILE

    def __init__(self, folder: str) -> None:
        """Raises what rosbags does where there is no bag that it reads."""
        self._reader = Reader(folder)
        self._reader.open()
        self.damage = False
        self._channels = {one.id: _channel(one) for one in self._reader.connections}

    def close(self) -> None:
        """Files that were unpacked for it are deleted."""
        self._reader.close()

    @property
    def channels(self) -> list[BagChannel]:
        """All."""
        return list(self._channels.values())

    def messages(self) -> Iterator[BagMessage]:
        """All, as far as the database can be read."""
        try:
            for connection, moment, data in self._reader.messages():
                yield BagMessage(self._channels[connection.id], moment, moment, bytes(data))
        except Exception:  # SQLite's, or a decompressor's
            self.damage = True

    def between(self, topic: str, first: int, last: int) -> Iterator[BagMessage]:
        """Those of a topic logged from `first` to `last` (ns)."""
        own = [one for one in self._reader.connections if one.topic == topic]
        for connection, moment, data in self._reader.messages(own, first, last + 1) if own else ():
            yield BagMessage(self._channels[connection.id], moment, moment, bytes(data))


def _channel(one: Connection) -> BagChannel:
    said = {"MSG": "ros2msg", "IDL": "ros2idl"}.get(one.msgdef.format.name, "")
    return BagChannel(one.topic, one.msgtype, "cdr", said, one.msgdef.data.encode())
