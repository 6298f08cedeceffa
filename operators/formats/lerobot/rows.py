"""The rows of a LeRobot dataset: which belong to which episode, and which of their columns are given back."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from operators import storage
from operators.formats.lerobot.bare import bare
from operators.formats.lerobot.fate import TOLERANCE, Rows
from operators.formats.lerobot.layout import DATA, OWN, Dataset, columns_of, is_plain
from schemas.errors import UserError


def given_back(dataset: Dataset, keep: Sequence[str]) -> list[str]:
    """Features in data/ that are given back: numbers, truth values, short vectors of them, and what `keep` names.

    Raises UserError if one of `keep` is none, or is of pictures.
    """
    features = dataset.features
    where = "policy.episodes.keep"
    for key in keep:
        if key not in features:
            raise UserError(
                where, f"{key!r} is no feature of {dataset.place}", "Mend its name, or take it out"
            )
        if features[key]["dtype"] in ("image", "video"):
            problem = f"{key!r} is of pictures, which are never given back as they are"
            raise UserError(where, problem, "Take it out")
    return [key for key, feature in features.items() if key in keep or is_plain(feature)]


def tables(dataset: Dataset, columns: Sequence[str]) -> Iterator[pa.Table]:
    """The files of data/, in order. Raises UserError for a file that cannot be read, or in which a column is not what
    meta/info.json says of it: bytes and structures, in which pictures lie, are of no feature that is given back."""
    folder = storage.join(dataset.place, DATA)
    for name in sorted(name for name in storage.list_files(folder) if name.endswith(".parquet")):
        table = columns_of(folder, name, columns)
        for key in columns:
            flat = key not in OWN or not pa.types.is_nested(table[key].type)
            if not flat or not _fits(table[key], dataset.features[key]):
                problem = f"column {key} is not what meta/info.json says of it"
                raise UserError(storage.join(folder, name), problem, "Mend the dataset")
        yield bare(table.select(list(columns)))


def _fits(column: pa.ChunkedArray, feature: dict[str, Any]) -> bool:
    """Numbers that the dtype can say where numbers are said to be, as many in a row as the shape says; else text, or
    lists of either."""
    kind, lists = column.type, (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    if is_plain(feature) and any(is_one(kind) for is_one in lists):
        lengths = pc.unique(pc.list_value_length(column)).to_pylist()
        if set(lengths) - {prod(feature["shape"])}:  # one that is not there has none
            return False
        return _are(pc.list_flatten(column), feature["dtype"])
    if is_plain(feature):
        return _are(column, feature["dtype"]) and not column.null_count and prod(feature["shape"]) == 1
    while any(is_one(kind) for is_one in lists):
        kind = kind.value_type
    return _of_numbers(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _are(numbers: pa.ChunkedArray, dtype: str) -> bool:
    """Whether all of them can be read as what they are said to be, none of them cut to a whole number."""
    try:
        return _of_numbers(numbers.type) and numbers.cast(pa.type_for_alias(dtype)) is not None
    except (pa.ArrowException, ValueError):
        return False


def _of_numbers(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))


def episodes(table: pa.Table) -> Iterator[tuple[int, pa.Table]]:
    """Neighbouring rows of one episode, with its index."""
    index = table["episode_index"].to_numpy()
    cuts = [0, *(np.flatnonzero(np.diff(index)) + 1).tolist(), len(index)]
    for first, stop in pairwise(cuts):
        if stop > first:
            yield int(index[first]), table.slice(first, stop - first)


def rows_of(
    dataset: Dataset, columns: Sequence[str], tasks: Mapping[str, Collection[int]]
) -> dict[int, Rows]:
    """Of every episode that data/ has rows of, by index. `tasks`: the numbers that columns of tasks may hold.

    Raises UserError as `tables`, and where the rows of those in meta/episodes are in another order.
    """
    found: dict[int, Rows] = {}
    for table in tables(dataset, columns):
        for index, own in episodes(table):
            stamps = own["timestamp"].to_numpy().astype(np.float64)
            problem = _problem(stamps, own["frame_index"].to_numpy(), dataset.fps) or _untold(own, tasks)
            found[index] = Rows(stamps, "its rows lie in several places" if index in found else problem)
    known = [index for index in found if index in dataset.episodes]
    if known != sorted(known):
        where = storage.join(dataset.place, DATA)
        raise UserError(where, "its episodes are not in order", "Sort them by episode_index")
    return found


def _untold(table: pa.Table, tasks: Mapping[str, Collection[int]]) -> str:
    """That rows name a task which there is not; lerobot's loader looks each up."""
    for key, numbers in tasks.items():
        if unknown := set(table[key].to_pylist()) - set(numbers):
            return f"its rows name a {key} that its table in meta does not hold: {min(unknown):g}"
    return ""


def _problem(stamps: np.ndarray, numbers: np.ndarray, fps: int) -> str:
    if back := np.flatnonzero(~(np.diff(stamps) > 0)).tolist():
        return f"the time stamps of its rows go back or stand still at row {back[0] + 1}"
    if abs(stamps[0]) > TOLERANCE:
        return "the time stamps of its rows do not begin at 0"
    if not np.isfinite(stamps).all() or not np.array_equal(numbers, np.arange(len(numbers))):
        return "its rows are not numbered one after the other"
    if (away := float(np.abs(stamps - numbers / fps).max())) > 0.5 / fps:
        return f"the time stamps of its rows are up to {away:.4f} s away from those of {fps} rows a second"
    return ""
