"""An MCAP file, read message by message in the order of the file, as far as it is whole.

What stands in a chunk that cannot be read is known by the index behind it: which topic, and when. The library's own
readers end at the first damage, so chunks are taken one by one here, and only what is in them is left to it.
"""

import contextlib
from collections.abc import Iterable, Iterator
from typing import IO

from mcap.reader import SeekingReader
from mcap.records import (
    Attachment,
    Channel,
    Chunk,
    DataEnd,
    McapRecord,
    Message,
    MessageIndex,
    Metadata,
    Schema,
)
from mcap.stream_reader import StreamReader, breakup_chunk
from mcap.summary import Summary

from operators.bags.forms import BagChannel
from operators.bags.messages import BagMessage


class McapFile:
    """Said once all messages were read: `damage`, that something is not there of which nobody knows how much it is, and
    how many bytes lie `behind` the end, where no reader looks."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._schemas: dict[int, Schema] = {}
        self._channels: dict[int, BagChannel] = {}
        self.damage, self.behind = False, 0
        self.profile, self._summary = self._read_ends()
        for record in (*self._summary.schemas.values(), *self._summary.channels.values()):
            self._note(record)

    @property
    def channels(self) -> list[BagChannel]:
        """As far as they are known: all, once all messages were read."""
        return list(self._channels.values())

    def messages(self) -> Iterator[BagMessage]:
        """All of them; those in a damaged chunk without their data."""
        read = 0
        for message in self._read():
            read += 1
            yield message
        held = self._summary.statistics
        self.damage |= held is not None and not self.behind and read < held.message_count

    def _read(self) -> Iterator[BagMessage]:
        self._file.seek(0)
        ended = False
        unread = False  # that a chunk is damaged, and no index of it was seen yet
        lost = False
        try:
            for record in StreamReader(self._file, emit_chunks=True, validate_crcs=True).records:
                if isinstance(record, MessageIndex):
                    if lost:
                        unread = False
                        yield from self._lost(record)
                    continue
                self.damage |= unread
                unread = lost = False
                if isinstance(record, Chunk):
                    inside = _inside(record)
                    unread = lost = inside is None
                    yield from self._known(inside or [])
                elif isinstance(record, DataEnd):
                    ended = True
                elif not ended:
                    yield from self._known([record])
            end = self._file.tell()
            self.behind = self._file.seek(0, 2) - end
        except Exception:  # the library raises whatever it runs into; what was read until then stands
            self.damage |= not ended

    def between(self, topic: str, first: int, last: int) -> Iterator[BagMessage]:
        """Those of a topic logged from `first` to `last` (ns), from the chunks alone that hold such,
        if the summary names these and their channels."""
        own = {number for number, channel in self._channels.items() if channel.topic == topic}
        indexed = self._summary.chunk_indexes
        found: Iterable[BagMessage] = self.messages()
        if indexed and all(chunk.message_index_offsets.keys() <= self._channels.keys() for chunk in indexed):
            found = (
                message
                for chunk in indexed
                if chunk.message_start_time <= last and chunk.message_end_time >= first
                if not chunk.message_index_offsets or own & chunk.message_index_offsets.keys()
                for message in self._of_chunk(chunk.chunk_start_offset)
            )
        for message in found:
            if message.channel.topic == topic and first <= message.log_time <= last:
                yield message

    def attachments(self) -> Iterator[Attachment]:
        """Those that can be read."""
        yield from (each for each in self._all() if isinstance(each, Attachment))

    def metadata(self) -> Iterator[Metadata]:
        """Those that can be read."""
        yield from (each for each in self._all() if isinstance(each, Metadata))

    def _all(self) -> Iterator[McapRecord]:
        self._file.seek(0)
        try:
            yield from StreamReader(self._file, emit_chunks=True).records
        except Exception:
            return

    def _read_ends(self) -> tuple[str, Summary]:
        """The profile at its beginning and the summary at its end; empty where there is none that can be read."""
        profile, summary = "", None
        with contextlib.suppress(Exception):
            reader = SeekingReader(self._file)
            profile = reader.get_header().profile
            summary = reader.get_summary()
        return profile, summary or Summary()

    def _of_chunk(self, offset: int) -> Iterator[BagMessage]:
        self._file.seek(offset)
        record = next(StreamReader(self._file, skip_magic=True, emit_chunks=True).records)
        yield from self._known((_inside(record) if isinstance(record, Chunk) else None) or [])

    def _known(self, records: Iterable[McapRecord]) -> Iterator[BagMessage]:
        for record in records:
            if not isinstance(record, Message):
                self._note(record)
            elif channel := self._channels.get(record.channel_id):
                yield BagMessage(channel, record.log_time, record.publish_time, record.data)
            else:  # of a channel that nothing is said of
                self.damage = True

    def _lost(self, index: MessageIndex) -> Iterator[BagMessage]:
        channel = self._channels.get(index.channel_id)
        self.damage |= channel is None
        for moment, _ in index.records if channel else ():
            assert channel
            yield BagMessage(channel, moment, moment, None)

    def _note(self, record: McapRecord) -> None:
        if isinstance(record, Schema):
            self._schemas[record.id] = record
        elif isinstance(record, Channel):
            schema = self._schemas.get(record.schema_id)
            said = (schema.name, record.message_encoding, schema.encoding, schema.data) if schema else None
            self._channels[record.id] = BagChannel(
                record.topic, *(said or ("", record.message_encoding, "", b""))
            )


def _inside(chunk: Chunk) -> list[McapRecord] | None:
    """What is in a chunk, None if it is damaged."""
    try:
        return breakup_chunk(chunk, validate_crc=True)
    except Exception:
        return None
