"""Statistics of an episode and of a dataset, by lerobot's names: min, max, mean, std, count and five quantiles."""

from typing import Any

import numpy as np

QUANTILES = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}
Stats = dict[str, np.ndarray]


def levels_of(pictures: np.ndarray) -> np.ndarray:
    """uint8 [T,H,W,3] -> int64 [3,256]: how often each channel has each level."""
    return np.stack([np.bincount(pictures[..., channel].ravel(), minlength=256) for channel in range(3)])


def of_pictures(levels: np.ndarray, frames: int) -> Stats:
    """int64 [3,256] -> each float64 [3,1,1], levels from 0 to 1, over every pixel; `count` is of frames."""
    scale = np.arange(256) / 255
    share = levels / levels.sum(axis=1, keepdims=True)
    mean = share @ scale
    spread = np.sqrt(np.maximum(0, share @ scale**2 - mean**2))
    below = np.cumsum(share, axis=1)
    made = {
        "min": scale[(levels > 0).argmax(axis=1)],
        "max": scale[255 - (levels[:, ::-1] > 0).argmax(axis=1)],
        "mean": mean,
        "std": spread,
        **{name: scale[(below >= at - 1e-12).argmax(axis=1)] for name, at in QUANTILES.items()},
    }
    return {name: value.reshape(3, 1, 1) for name, value in made.items()} | {"count": np.array([frames])}


def of_numbers(values: np.ndarray) -> Stats:
    """[N] or [N,D] of any numbers -> each float64 [D] (of scalars [1])."""
    rows = values.reshape(len(values), -1).astype(np.float64)
    with np.errstate(invalid="ignore"):  # of what is infinite or no number they are none, too
        return _of_rows(rows)


def _of_rows(rows: np.ndarray) -> Stats:
    made = {"min": rows.min(0), "max": rows.max(0), "mean": rows.mean(0), "std": rows.std(0)}
    made |= dict(zip(QUANTILES, np.quantile(rows, list(QUANTILES.values()), axis=0), strict=True))
    return made | {"count": np.array([len(rows)])}


def together(parts: list[Stats]) -> Stats:
    """Of several episodes: exact, but for the quantiles, which are their mean weighted by count, as lerobot has it."""
    counts = np.array([part["count"][0] for part in parts], np.float64)
    stacked = {name: np.stack([part[name] for part in parts]) for name in parts[0] if name != "count"}
    weights = counts / counts.sum()

    def mean(values: np.ndarray) -> np.ndarray:
        return np.asarray(np.tensordot(weights, values, axes=1))

    with np.errstate(invalid="ignore"):
        middle = mean(stacked["mean"])
        made = {name: mean(stacked[name]) for name in QUANTILES}
        made |= {"min": stacked["min"].min(0), "max": stacked["max"].max(0), "mean": middle}
        made["std"] = np.sqrt(mean(stacked["std"] ** 2 + (stacked["mean"] - middle) ** 2))
    return made | {"count": np.array([int(counts.sum())])}


def plain(stats: Stats) -> dict[str, Any]:
    """As lists, for JSON and parquet."""
    return {name: value.tolist() for name, value in stats.items()}
