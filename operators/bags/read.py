"""A bag by its address: which files are one, what is in it, and single messages found again."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from operators import storage
from operators.bags.local import local_copy
from operators.bags.mcap_file import McapFile
from operators.bags.messages import BagMessage
from operators.bags.rosbag2 import DATABASE, JOURNAL, Rosbag2
from schemas.clip import ImageFile

MCAP = ".mcap"
ROSBAG2 = "metadata.yaml"  # what a rosbag2 folder is known by; with MCAP in it that file is the bag


class Gone(Exception):
    """A message that was planned is not in the bag any more."""


def is_bag(uri: str) -> bool:
    """By the name of its file, in any case."""
    return is_mcap(uri) or uri.rpartition("/")[2] == ROSBAG2


def is_mcap(uri: str) -> bool:
    """By its ending, in any case."""
    return uri.lower().endswith(MCAP)


@contextmanager
def opened(uri: str) -> Iterator[McapFile | Rosbag2]:
    """A bag to read from. Raises NoRoom, or what the store and the libraries do."""
    if is_mcap(uri):
        with storage.open_file(uri) as file:
            yield McapFile(file)
        return
    folder = uri.rpartition("/")[0]
    bag = Rosbag2(
        local_copy(folder, (ROSBAG2, *DATABASE, f"{DATABASE[0]}{JOURNAL}")) if "://" in uri else folder
    )
    try:
        yield bag
    finally:
        bag.close()


def fetch(uri: str, topic: str, files: Sequence[ImageFile]) -> list[BagMessage]:
    """The messages of a topic with these log times (their names) and digests. Raises Gone, or as `opened`."""
    wanted = {(int(file.name), file.digest) for file in files}
    moments = [moment for moment, _ in wanted]
    found: dict[tuple[int, str], BagMessage] = {}
    with opened(uri) as bag:
        for message in bag.between(topic, min(moments), max(moments)):
            if (key := (message.log_time, message.digest)) in wanted:
                found[key] = message
            if len(found) == len(wanted):
                return [found[int(file.name), file.digest] for file in files]
    raise Gone


def size_of(uri: str) -> int:
    """Bytes of a bag's files."""
    if not is_mcap(uri):
        return sum(storage.list_files(uri.rpartition("/")[0]).values())
    with storage.open_file(uri) as file:
        return file.seek(0, 2)
