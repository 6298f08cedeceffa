"""A rosbag2 recording in SQLite: a folder with metadata.yaml and with .db3 files, as the rosbags package reads it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from rosbags.interfaces import Connection
from rosbags.rosbag2 import Reader
from rosbags.rosbag2.errors import ReaderError

from operators.bags.forms import BagChannel
from operators.bags.messages import BagMessage

PROFILE = "ros2"
DATABASE = (".db3", ".db3.zstd")
JOURNAL = "-wal"  # behind a database's name: what SQLite had not yet put into it
VERSION: Literal[8] = 8  # of metadata.yaml: the older one that rosbags writes


class Rosbag2:
    """As McapFile. Messages come in the order of their log times, which are their publish times. It holds neither
    attachments nor metadata that belong to messages. Damaged is also what says that it holds more than can be read:
    metadata.yaml by its count, a database by its own, the folder by a database that is not named, or by a journal."""

    profile = PROFILE
    behind = 0

    def __init__(self, folder: str) -> None:
        """Raises ReaderError where there is no bag that rosbags reads."""
        self._reader = Reader(folder)
        try:
            self._reader.open()
        except (ReaderError, OSError):
            raise
        except Exception as error:  # a decompressor's
            raise ReaderError(type(error).__name__) from None
        held: Any = self._reader.storage  # of the folder, with one for each database
        if not isinstance(held.metadata.message_count, int):
            raise ReaderError("message_count")
        counts = [one.metadata.message_count for one in held.storages]
        self._due = max(held.metadata.message_count, sum(counts))
        self._named = {Path(str(one.path)).name for one in held.storages}
        self.damage = self._is_astray(Path(folder))
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
        read = 0
        try:
            for connection, moment, data in self._reader.messages():
                if isinstance(moment, int):  # SQLite holds any value in any column
                    read += 1
                    yield self._message(connection, moment, data)
        except Exception:  # SQLite's, or a decompressor's
            self.damage = True
        self.damage |= read < self._due

    def _is_astray(self, folder: Path) -> bool:
        """Whether messages lie in files that are not read."""
        files = [path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]
        found = {path.name for path in files if path.stat().st_size}
        databases = {name.removesuffix(".zstd") for name in found if name.endswith(DATABASE)}
        return bool(databases - self._named or {f"{name}{JOURNAL}" for name in databases} & found)

    def between(self, topic: str, first: int, last: int) -> Iterator[BagMessage]:
        """Those of a topic logged from `first` to `last` (ns)."""
        own = [one for one in self._reader.connections if one.topic == topic]
        for connection, moment, data in self._reader.messages(own, first, last + 1) if own else ():
            yield self._message(connection, moment, data)

    def _message(self, connection: Connection, moment: int, data: Any) -> BagMessage:
        held = data if isinstance(data, bytes) else b""
        return BagMessage(self._channels[connection.id], moment, moment, held)


def _channel(one: Connection) -> BagChannel:
    said = {"MSG": "ros2msg", "IDL": "ros2idl"}.get(one.msgdef.format.name, "")
    return BagChannel(one.topic, one.msgtype, "cdr", said, one.msgdef.data.encode())
