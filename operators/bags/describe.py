"""metadata.yaml of a rosbag2 folder whose files are MCAP, made from the summaries of what was written."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import yaml
from mcap.reader import make_reader
from mcap.summary import Summary

from operators import storage
from operators.bags.rosbag2 import VERSION


def description(folder: str, names: Sequence[str]) -> bytes:
    """Of the files `names` in a folder, in the order of their first messages."""
    summaries = {name: _summary(folder, name) for name in names}
    files = sorted((_span(name, summary) for name, summary in summaries.items()), key=_begin)
    counts = Counter[tuple[str, str, str]]()
    for summary in summaries.values():
        numbers = summary.statistics.channel_message_counts if summary.statistics else {}
        for number, channel in summary.channels.items():
            schema = summary.schemas.get(channel.schema_id)
            counts[channel.topic, schema.name if schema else "", channel.message_encoding] += numbers.get(
                number, 0
            )
    start = _begin(files[0])
    end = max(_begin(one) + one["duration"]["nanoseconds"] for one in files)
    said = {
        "version": VERSION,
        "storage_identifier": "mcap",
        "relative_file_paths": [one["path"] for one in files],
        "duration": {"nanoseconds": end - start},
        "starting_time": {"nanoseconds_since_epoch": start},
        "message_count": sum(one["message_count"] for one in files),
        "topics_with_message_count": [_topic(*key, count) for key, count in sorted(counts.items())],
        "compression_format": "",
        "compression_mode": "",
        "files": files,
        "custom_data": None,
        "ros_distro": "",
    }
    return yaml.safe_dump({"rosbag2_bagfile_information": said}, sort_keys=False).encode()


def _summary(folder: str, name: str) -> Summary:
    with storage.open_file(storage.join(folder, name)) as file:
        return make_reader(file).get_summary() or Summary()


def _span(name: str, summary: Summary) -> dict[str, Any]:
    held = summary.statistics
    start, end = (held.message_start_time, held.message_end_time) if held else (0, 0)
    return {
        "path": name,
        "starting_time": {"nanoseconds_since_epoch": start},
        "duration": {"nanoseconds": end - start},
        "message_count": held.message_count if held else 0,
    }


def _begin(span: dict[str, Any]) -> int:
    return int(span["starting_time"]["nanoseconds_since_epoch"])


def _topic(name: str, kind: str, encoding: str, count: int) -> dict[str, Any]:
    said = {"name": name, "type": kind, "serialization_format": encoding}
    return {
        "topic_metadata": said | {"offered_qos_profiles": "", "type_description_hash": ""},
        "message_count": count,
    }
