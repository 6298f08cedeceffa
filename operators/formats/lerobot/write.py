"""A LeRobot dataset from released clips: the episodes that were released, and of the others nothing, or no picture.

Nothing of the source's videos is read here, and of its other files only what is named: rows of features that are given
back, tasks, and of meta/info.json what says how to read it. meta/info.json is written last.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from av.error import FFmpegError

from operators import storage
from operators.formats.lerobot import layout, meta, stats, video
from operators.formats.lerobot import rows as data
from operators.formats.lerobot.fate import TOLERANCE, EndedClips, Fate, Rows, fate
from operators.formats.lerobot.layout import DATA_PATH, INFO, STATS, VIDEO_PATH, Dataset
from operators.formats.lerobot.meta import Written
from schemas.certificate import Timing
from schemas.clip import ClipRef
from schemas.errors import UserError
from schemas.exports import Episodes

RECORD = "meta/recast.json"


@dataclass
class Export:
    """One dataset, given back. `read` gives the bytes of a released clip."""

    dataset: Dataset
    rules: Episodes
    timing: Timing
    clips: EndedClips
    read: Callable[[ClipRef], bytes]
    target: str

    def __post_init__(self) -> None:
        self.cameras = layout.chosen(self.dataset, self.rules.cameras)
        self.columns = data.given_back(self.dataset, self.rules.keep)

    def write(self) -> dict[str, Any]:
        """All of it; returns what meta/recast.json says: what became of every episode, and what was left out."""
        tables = meta.tasks(self.dataset)
        found = data.rows_of(self.dataset, self.columns, meta.numbered(tables, self.columns))
        known = sorted({*range(self.dataset.total), *self.dataset.episodes, *found})
        files = {camera: video.Files(self._keeper(camera)) for camera in self.cameras}
        written: list[Written] = []
        became = []
        for index in known:
            one, problem = self._episode(index, found.get(index), files)
            state = one.state if one else "left out"
            episode = len(written) if one else None
            became.append({"source": index, "episode": episode, "state": state, "reason": problem})
            written += [one] if one else []
        for camera in self.cameras:
            files[camera].end()
        if not written:
            problem = "no episode was released, so there is no dataset to write"
            raise UserError(self.target, problem, _first_of(became))
        sizes = {camera: self._size(camera) for camera in self.cameras}
        self._data(written)
        for path, table in (meta.episodes(written) | tables).items():
            self._keep(path, meta.as_parquet(table))
        self._keep(STATS, meta.as_json(meta.whole(written)))
        left_out = sorted(set(self.dataset.features) - set(self.columns) - set(self.cameras))
        record = {"episodes": became, "left_out": left_out}
        self._keep(RECORD, meta.as_json(record))
        total = len(next(iter(tables.values())))
        self._keep(INFO, meta.as_json(meta.info(self.dataset, written, self.columns, sizes, total)))
        return record

    def _keep(self, path: str, content: bytes) -> None:
        storage.write_bytes(self.target, path, content)

    def _keeper(self, camera: str) -> Callable[[int, bytes], None]:
        def keep(number: int, content: bytes) -> None:
            self._keep(VIDEO_PATH.format(video_key=camera, **meta.numbers(number)), content)

        return keep

    def _episode(
        self, index: int, rows: Rows | None, files: Mapping[str, video.Files]
    ) -> tuple[Written | None, str]:
        """An episode's videos, if it is given back, and the reason if it is not as it was released."""
        episode = self.dataset.episodes.get(index)
        if episode is None:
            return None, "meta/episodes does not hold it"
        ended = fate(self.dataset, episode, rows, self.cameras, self.clips)
        if rows is None or not ended.sound:
            return None, ended.problem
        pieces, problem = self._released(ended, rows)
        state = "black" if problem else "released"
        if problem and self.rules.unreleased == "omit":
            return None, problem
        pieces = self._black(rows) if problem else pieces
        place: dict[str, Any] = {}
        for camera, piece in pieces.items():
            number, start, stop = files[camera].add(piece)
            named = {**meta.numbers(number), "from_timestamp": start, "to_timestamp": stop}
            place |= {f"videos/{camera}/{name}": value for name, value in named.items()}
        seen = {camera: stats.of_pictures(piece.levels, episode.length) for camera, piece in pieces.items()}
        return Written(episode, state, place, seen), problem

    def _released(self, ended: Fate, rows: Rows) -> tuple[dict[str, video.Piece], str]:
        """Of each camera the episode's video, or why there is none."""
        pieces: dict[str, video.Piece] = {}
        if ended.problem:
            return {}, ended.problem
        for camera, own in ended.clips.items():
            try:
                piece = video.released(((ref, self.read(ref)) for ref in own), self.timing)
            except video.Unfit as error:
                return {}, f"{camera}: {error}"
            except (ValueError, FFmpegError) as error:
                return {}, f"{camera}: a video is not as it was released ({type(error).__name__})"
            off = float(np.abs(piece.moments - rows.timestamps).max())
            if off > TOLERANCE:
                return (
                    {},
                    f"{camera}: in the policy's timing its frames are up to {off:.4f} s away from its rows",
                )
            pieces[camera] = piece
        return pieces, ""

    def _black(self, rows: Rows) -> dict[str, video.Piece]:
        return {
            camera: video.black(rows.timestamps, self.dataset.fps, *self._size(camera))
            for camera in self.cameras
        }

    def _size(self, camera: str) -> tuple[int, int]:
        """Height and width of a camera's pictures: as its video has them where one can be read."""
        own = {
            span.video
            for one in self.dataset.episodes.values()
            for key, span in one.spans.items()
            if key == camera
        }
        for path in sorted(own):
            for ref in self.clips.by_video.get(self.dataset.uri(path), []):
                if ref.height:
                    return ref.height, ref.width
        return layout.size(self.dataset.features[camera])

    def _data(self, written: list[Written]) -> None:
        """The rows, column by column as they were, but for their numbers."""
        new = {one.source.index: number for number, one in enumerate(written)}
        first = number = due = 0
        for table in data.tables(self.dataset, self.columns):
            parts = []
            for index, own in data.episodes(table):
                if index not in new:
                    continue
                numbered = _with(own, "episode_index", np.full(len(own), due))
                parts.append(_with(numbered, "index", np.arange(first, first + len(own))))
                written[due].stats |= _stats_of(parts[-1])
                place = {"dataset_from_index": first, "dataset_to_index": first + len(own)}
                written[due].place |= place | {
                    f"data/{name}": value for name, value in meta.numbers(number).items()
                }
                first, due = first + len(own), due + 1
            if parts:
                self._keep(DATA_PATH.format(**meta.numbers(number)), meta.as_parquet(pa.concat_tables(parts)))
                number += 1


def _first_of(became: list[dict[str, Any]]) -> str:
    """What to look at first when nothing was released."""
    return f"Of episode {became[0]['source']}: {became[0]['reason']}" if became else "Give another dataset"


def _with(table: pa.Table, key: str, values: np.ndarray) -> pa.Table:
    """A column's numbers replaced, its type and place kept."""
    at = table.column_names.index(key)
    return table.set_column(at, table.schema.field(at), pa.array(values, table.schema.field(at).type))


def _stats_of(table: pa.Table) -> dict[str, stats.Stats]:
    """Of every column of numbers."""
    made = {}
    for key in table.column_names:
        values = np.array(table[key].to_pylist())
        if values.dtype.kind in "fiub":
            made[key] = stats.of_numbers(values)
    return made
