"""TensorFlow.js graph models as they lie on disk: nodes, their attributes and order, weights."""

import base64
import json
from collections.abc import Mapping
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import numpy as np


def read(file: Path) -> tuple[dict[str, dict[str, Any]], dict[str, np.ndarray]]:
    """Nodes and weights of a TFJS graph model by name; quantized weights as float32."""
    model = json.loads(file.read_text())
    weights: dict[str, np.ndarray] = {}
    for group in model["weightsManifest"]:
        raw, at = b"".join((file.parent / part).read_bytes() for part in group["paths"]), 0
        for entry in group["weights"]:
            shrunk = entry.get("quantization", {})
            kind = np.dtype(shrunk.get("dtype", entry["dtype"]))
            values = np.frombuffer(raw, kind, int(np.prod(entry["shape"])), at)
            at += values.nbytes
            if shrunk:
                values = values.astype(np.float32) * shrunk.get("scale", 1) + shrunk.get("min", 0)
            wanted = np.dtype(entry["dtype"])
            weights[entry["name"]] = values.reshape(entry["shape"]).astype(wanted)
        if at != len(raw):
            raise ValueError(f"{file}: weights are {len(raw)} bytes, and its manifest describes {at}")
    return {node["name"]: node for node in model["modelTopology"]["node"]}, weights


def in_order(nodes: Mapping[str, Any], start: str, outputs: Mapping[str, str]) -> list[str]:
    """What lies between `start` and the outputs, each node behind those that it needs."""
    needs: dict[str, list[str]] = {start: []}
    todo = [node.partition(":")[0] for node in outputs]
    while todo:
        name = todo.pop()
        if name not in needs:
            needs[name] = [source.partition(":")[0] for source in nodes[name].get("input", [])]
            todo += needs[name]
    return [name for name in TopologicalSorter(needs).static_order() if name != start]


def attribute(node: Mapping[str, Any], key: str, default: Any = None) -> Any:
    """A node's attribute in Python's types; TFJS writes bytes as base64, older files as a list of codes."""
    text = lambda v: (bytes(v) if isinstance(v, list) else base64.b64decode(v)).decode()  # noqa: E731
    match node.get("attr", {}).get(key):
        case {"list": {"i": values}}:
            return [int(value) for value in values]
        case {"list": {"s": values}}:
            return [text(value) for value in values]
        case {"s": value}:
            return text(value)
        case {"f": value}:
            return float(value)
        case {"b": value}:
            return bool(value)
    return default
