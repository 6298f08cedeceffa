"""A network in ONNX's format of one step, written byte by byte: the package onnx is not among the pinned ones."""

from pathlib import Path


def save_mean_over_time(path: Path) -> Path:
    """Float32 [1,T,64,44] `outlines` -> `walk` [1,64,44], their mean."""
    axes = _text(1, "axes") + _whole(8, 1) + _whole(20, 7)
    keep = _text(1, "keepdims") + _whole(3, 0) + _whole(20, 2)
    node = (
        _text(1, "outlines") + _text(2, "walk") + _text(4, "ReduceMean") + _bytes(5, axes) + _bytes(5, keep)
    )
    shown = _value("outlines", [1, "T", 64, 44])
    graph = _bytes(1, node) + _text(2, "g") + _bytes(11, shown) + _bytes(12, _value("walk", [1, 64, 44]))
    path.write_bytes(_whole(1, 8) + _bytes(7, graph) + _bytes(8, _text(1, "") + _whole(2, 13)))
    return path


def _value(name: str, shape: list[int | str]) -> bytes:
    sides = b"".join(_bytes(1, _text(2, one) if isinstance(one, str) else _whole(1, one)) for one in shape)
    return _text(1, name) + _bytes(2, _bytes(1, _whole(1, 1) + _bytes(2, sides)))


def _number(value: int) -> bytes:
    low, rest = value & 127, value >> 7
    return bytes([low | 128]) + _number(rest) if rest else bytes([low])


def _whole(field: int, value: int) -> bytes:
    return _number(field << 3) + _number(value)


def _bytes(field: int, data: bytes) -> bytes:
    return _number(field << 3 | 2) + _number(len(data)) + data


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())
