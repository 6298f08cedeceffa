"""Dataclasses as Arrow tables: what flows between stages, with a declared schema and nothing opaque.

A stage may turn one clip into one of several types (a candidate, a quarantined clip, a failed clip).
Such a sum type is a table with one nullable struct column per type, exactly one of them set in each
row, beside the `clip_id` that every join and Ray's checkpoint go by. The schema is always written in
full: a column that happens to be all null would otherwise change type between blocks.
"""

import zlib
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
import pyarrow as pa

_ARRAY = pa.struct([("dtype", pa.string()), ("shape", pa.list_(pa.int64())), ("data", pa.large_binary())])
_SCALARS = {
    int: pa.int64(),
    float: pa.float64(),
    str: pa.string(),
    bool: pa.bool_(),
    bytes: pa.large_binary(),
    np.ndarray: _ARRAY,
}


@cache
def _hints(cls: type) -> dict[str, Any]:
    types = get_type_hints(cls)
    return {field.name: types[field.name] for field in fields(cls)}


def _arrow_type(hint: Any) -> pa.DataType:
    origin, args = get_origin(hint), get_args(hint)
    if origin is Literal:
        return pa.string()
    if origin is np.ndarray:
        return _ARRAY
    if origin in (list, tuple):
        return pa.list_(_arrow_type(args[0]))
    if origin is dict:
        return pa.map_(_arrow_type(args[0]), _arrow_type(args[1]))
    if is_dataclass(hint):
        return pa.struct([(name, _arrow_type(child)) for name, child in _hints(hint).items()])  # type: ignore[arg-type]
    return _SCALARS[hint]


def _encode(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        # Masks dominate what is not video; as compressed bits they are a thousandth of their size.
        raw = (
            zlib.compress(np.packbits(value).tobytes(), 1)
            if value.dtype == bool
            else np.ascontiguousarray(value).reshape(-1).view(np.uint8).data  # Arrow copies it
        )
        return {"dtype": value.dtype.str, "shape": list(value.shape), "data": raw}
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _encode(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, list | tuple):
        return [_encode(item) for item in value]
    if isinstance(value, dict):
        return list(value.items())
    return value


def _decode_array(value: dict[str, Any]) -> np.ndarray:
    dtype, shape = np.dtype(value["dtype"]), tuple(value["shape"])
    if dtype.kind == "b":
        bits = np.frombuffer(zlib.decompress(value["data"]), np.uint8)
        return np.unpackbits(bits, count=int(np.prod(shape))).view(bool).reshape(shape)
    return np.frombuffer(value["data"], dtype).reshape(shape)


def _decode(hint: Any, value: Any) -> Any:
    origin = get_origin(hint)
    if value is None:
        raise ValueError(f"a value of type {hint} is missing")
    if hint is np.ndarray or origin is np.ndarray:
        return _decode_array(value)
    if origin in (list, tuple):
        items = [_decode(get_args(hint)[0], item) for item in value]
        return items if origin is list else tuple(items)
    if origin is dict:
        return dict(value)
    if is_dataclass(hint):
        return hint(**{name: _decode(child, value[name]) for name, child in _hints(hint).items()})  # type: ignore[operator, arg-type]
    return value


def _column(cls: type) -> str:
    return "".join("_" + c.lower() if c.isupper() else c for c in cls.__name__).lstrip("_")


@cache
def schema_of(*cases: type) -> pa.Schema:
    """Arrow schema of a table whose rows are one of `cases`; a single dataclass gives plain columns."""
    if len(cases) == 1:
        return pa.schema([(name, _arrow_type(hint)) for name, hint in _hints(cases[0]).items()])
    return pa.schema([("clip_id", pa.int64()), *((_column(case), _arrow_type(case)) for case in cases)])


def to_table(rows: Sequence[Any], *cases: type) -> pa.Table:
    """Dataclass instances -> table. With several `cases`, each row must be an instance of one of them.

    Raises TypeError for a row of any other type, so that nothing undeclared can travel on.
    """
    schema = schema_of(*cases)
    for row in rows:
        if row.__class__ not in cases:
            raise TypeError(f"{type(row).__name__} is none of {[case.__name__ for case in cases]}")
    if len(cases) == 1:
        return pa.Table.from_pylist([_encode(row) for row in rows], schema=schema)
    return pa.Table.from_pylist(
        [{"clip_id": row.ref.clip_id, _column(type(row)): _encode(row)} for row in rows], schema=schema
    )


def from_table(table: pa.Table, *cases: type) -> list[Any]:
    """Table -> dataclass instances; the inverse of `to_table`.

    Raises ValueError if a column or value is missing, if a row holds none or several of the cases,
    or if its `clip_id` is not the one inside.
    """
    missing = set(schema_of(*cases).names) - set(table.column_names)
    if missing:
        raise ValueError(f"columns missing: {sorted(missing)}")
    if len(cases) == 1:
        return [_decode(cases[0], row) for row in table.to_pylist()]
    rows = []
    for row in table.to_pylist():
        held = [case for case in cases if row[_column(case)] is not None]
        if len(held) != 1:
            raise ValueError(
                f"clip {row['clip_id']}: expected exactly one of {[_column(case) for case in cases]}"
            )
        rows.append(_decode(held[0], row[_column(held[0])]))
        if rows[-1].ref.clip_id != row["clip_id"]:
            raise ValueError(f"clip {row['clip_id']} carries the data of clip {rows[-1].ref.clip_id}")
    return rows
