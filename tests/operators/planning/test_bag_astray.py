"""What a bag says that it holds and does not give, or holds and does not say: a record, and all else is released."""

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from mcap.records import Statistics

from operators.bags.rosbag2 import Rosbag2
from operators.video.decode import decode_clip
from tests import bag_sets
from tests.bag_sets import ROS, START, STEP, Bag
from tests.operators.planning.test_bag import COUNT, JPEGS, plan, refused, released

FEWER = "the bag holds fewer messages than it says, or files that its metadata.yaml does not name"
DAMAGED = "the bag's database or its metadata.yaml is damaged or missing"
CUT = "the bag is cut short, or damaged where nobody can tell what is missing"
NOT_OF_SCHEMA = "1 pictures are no messages of their schema"
Spoil = Callable[[Path], Any]


def said(change: Callable[[dict[str, Any]], object]) -> Spoil:
    """Another metadata.yaml."""

    def spoil(folder: Path) -> None:
        path = folder / "metadata.yaml"
        held = yaml.safe_load(path.read_text())
        change(held["rosbag2_bagfile_information"])
        path.write_text(yaml.safe_dump(held))

    return spoil


def sql(*commands: str) -> Spoil:
    """Another database."""

    def spoil(folder: Path) -> None:
        with sqlite3.connect(folder / "log.db3") as database:
            for command in commands:
                database.execute(command)

    return spoil


def another(folder: Path) -> None:
    """A database that metadata.yaml does not name, as of a recorder that was stopped midway."""
    more = bag_sets.rosbag2(folder.parent.parent / "more/log", {"/cam": (ROS[0], JPEGS[:5], "jpeg")})
    shutil.copy(more / "log.db3", folder / "log_1.db3")


def journalled(folder: Path) -> None:
    """Messages that are in the journal alone, which a recorder was not there to put into the database."""
    place = folder.parent.parent / "live.db3"
    shutil.copy(folder / "log.db3", place)
    database = sqlite3.connect(place)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA wal_autocheckpoint=0")
    database.execute(
        f"INSERT INTO messages SELECT id+100, topic_id, timestamp+{STEP * COUNT}, data FROM messages"
    )
    database.commit()
    shutil.copy(place, folder / "log.db3")
    shutil.copy(f"{place}-wal", folder / "log.db3-wal")
    database.close()


def topics(held: dict[str, Any]) -> list[dict[str, Any]]:
    return list(held["topics_with_message_count"])


def beside(folder: Path) -> None:
    """What is no database of the bag's."""
    (folder / "log.db3-wal").write_bytes(b"")
    (folder / "._log.db3").write_bytes(b"of a file manager")
    (folder / "old.db3").mkdir()
    (folder / "new.db3").symlink_to("nowhere")
    (folder / "notes.txt").write_text("log.db3")


# How many pictures are released, and what the records say beside.
ROSBAG2: dict[str, tuple[Spoil, int, list[str]]] = {
    "nothing": (lambda folder: None, COUNT, []),
    "more messages are said": (said(lambda held: held.update(message_count=99)), COUNT, [FEWER]),
    "fewer messages are said": (said(lambda held: held.update(message_count=3)), COUNT, []),
    "a number in words": (said(lambda held: held.update(message_count="many")), 0, [DAMAGED]),
    "no topic is said": (said(lambda held: held.update(topics_with_message_count=[])), 0, [FEWER]),
    "one topic is not said": (
        said(lambda held: held.update(topics_with_message_count=topics(held)[:1], message_count=COUNT)),
        COUNT,
        [FEWER],
    ),
    "another type": (
        said(lambda held: topics(held)[0]["topic_metadata"].update(type="std_msgs/msg/String")), 0, [FEWER],
    ),
    "another topic": (said(lambda held: topics(held)[0]["topic_metadata"].update(name="/b")), 0, [FEWER]),
    "another compression": (
        said(lambda held: held.update(compression_mode="file", compression_format="zstd")), 0, [DAMAGED],
    ),
    "a database that is not named": (another, COUNT, [FEWER]),
    "what is no database": (beside, COUNT, []),
    "a journal": (journalled, COUNT, [FEWER]),
    "messages of no topic": (sql("UPDATE messages SET topic_id=99 WHERE id<5"), COUNT - 4, [FEWER]),
    "a time in words": (sql("UPDATE messages SET timestamp='noon' WHERE id=3"), COUNT - 1, [FEWER]),
    "a message in words": (sql("UPDATE messages SET data='words' WHERE id=3"), COUNT - 1, [NOT_OF_SCHEMA]),
    "a message that is a number": (
        sql(f"UPDATE messages SET data={10**12} WHERE id=3"), COUNT - 1, [NOT_OF_SCHEMA],  # not so many bytes
    ),
    "an empty message": (sql("UPDATE messages SET data=x'' WHERE id=3"), COUNT - 1, [NOT_OF_SCHEMA]),
}  # fmt: skip


@pytest.mark.parametrize("name", ROSBAG2)
def test_of_a_rosbag2_nothing_is_lost_without_a_word(tmp_path: Path, name: str) -> None:
    spoil, count, due = ROSBAG2[name]
    folder = bag_sets.rosbag2(tmp_path / "in/log", {"/cam": (ROS[0], JPEGS, "jpeg")})
    spoil(folder)
    refs = plan(tmp_path / "in")
    assert list(refused(refs)) == due
    assert released(refs) == count
    for ref in refs:
        assert ref.problem or len(decode_clip(ref)) == len(ref.pts)


def bag(path: Path, pictures: list[bytes]) -> bytes:
    """The bytes of a file."""
    made = Bag(path)
    made.pictures("/cam", ROS[0], "cdr", pictures, "jpeg")
    return made.end().read_bytes()


def test_a_second_mcap_behind_the_first_is_named(tmp_path: Path) -> None:
    one, other = bag(tmp_path / "a.mcap", JPEGS), bag(tmp_path / "b.mcap", JPEGS[:7])
    (tmp_path / "b.mcap").unlink()
    for behind in (other, b"nothing that is known"):
        (tmp_path / "a.mcap").write_bytes(one + behind)
        refs = plan(tmp_path)
        assert (released(refs), refused(refs)) == (COUNT, {})
        assert refs[0].other_streams == [f"{len(behind)} bytes behind its end, perhaps another recording"]
        assert sum(len(decode_clip(ref)) - ref.overlap for ref in refs) == COUNT
    (tmp_path / "a.mcap").write_bytes(one[:-30])  # the end of its summary
    assert (released(plan(tmp_path)), plan(tmp_path)[0].other_streams) == (COUNT, [])


@pytest.mark.parametrize(("more", "due"), [(0, []), (1, [CUT]), (-1, [])])
def test_an_mcap_that_counts_more_messages_than_it_holds_is_cut_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: int, due: list[str]
) -> None:
    written = Statistics.write

    def miscounted(held: Statistics, stream: Any) -> None:
        held.message_count += more
        written(held, stream)

    monkeypatch.setattr(Statistics, "write", miscounted)
    bag(tmp_path / "a.mcap", JPEGS)
    refs = plan(tmp_path)
    assert (released(refs), list(refused(refs))) == (COUNT, due)


def test_a_databases_own_value_is_never_taken_for_a_length(tmp_path: Path) -> None:
    folder = bag_sets.rosbag2(tmp_path / "log", {"/cam": (ROS[0], JPEGS[:3], "jpeg")})
    sql("UPDATE messages SET data=5 WHERE id=1")(folder)
    held = Rosbag2(str(folder))
    whole, some = list(held.messages()), list(held.between("/cam", START, START))
    held.close()
    assert [one.data for one in whole if one.log_time == START] == [one.data for one in some] == [b""]
