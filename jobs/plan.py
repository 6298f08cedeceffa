"""Plan: videos in, a manifest of clip references out. `python -m jobs.plan INPUT... --plan PLAN`.

INPUT is a video, a folder, or an s3:// prefix. PLAN holds source names and the release key: keep it as
private as the sources. Nothing is decoded but one frame per video; the same input always gives the same clips.
"""

from argparse import Namespace
from functools import partial

import pyarrow as pa
import pyarrow.dataset as arrow_dataset
import ray

from cluster import session, store
from jobs import options
from operators.source import list_videos, plan_source
from schemas.arrow import to_table
from schemas.clip import ClipRef
from schemas.errors import UserError
from schemas.profile import Clips


def plan(inputs: list[str], output: str, clips: Clips) -> None:
    """List, probe every source in parallel, write the manifest."""
    sources = [{"uri": uri, "name": name} for prefix in inputs for uri, name in list_videos(prefix)]
    key = options.make_release_key(output)
    filesystem, manifest = store.arrow_filesystem(f"{output}/clips")
    store.delete(output, [path for path in store.list_files(output) if path.startswith("clips/")])
    (
        ray.data.from_items(sources, override_num_blocks=min(len(sources), 64))
        .map_batches(partial(probe, name_key=key, clips=clips), batch_size=8, batch_format="pyarrow")
        .write_parquet(manifest, filesystem=filesystem)
    )


def probe(sources: pa.Table, name_key: bytes, clips: Clips) -> pa.Table:
    """A batch of sources -> their clip references."""
    refs = [plan_source(row["uri"], row["name"], name_key, clips) for row in sources.to_pylist()]
    return to_table([ref for source in refs for ref in source], ClipRef)


def summarise(output: str, inputs: list[str]) -> list[tuple[str, str, str]]:
    """Print what was planned; returns (file, what, remedy) of every source that cannot be read.

    Raises UserError if a listed source is not in the manifest.
    """
    filesystem, manifest = store.arrow_filesystem(f"{output}/clips")
    found: set[str] = set()
    clips, frames, bad = 0, 0, []
    for batch in arrow_dataset.dataset(manifest, filesystem=filesystem, format="parquet").to_batches(
        columns=["uri", "pts", "overlap", "problem", "remedy"]
    ):
        for row in batch.to_pylist():
            found.add(row["uri"])
            clips, frames = clips + 1, frames + len(row["pts"]) - row["overlap"]
            if row["problem"]:
                bad.append((row["uri"], row["problem"], row["remedy"]))
    lost = {uri for prefix in inputs for uri, _ in list_videos(prefix)} - found
    if lost:
        raise UserError(min(lost), f"and {len(lost) - 1} more sources could not be probed", "Plan again")
    options.table(
        "plan",
        [
            ("sources", len(found)),
            ("of these unreadable", len(bad)),
            ("clips", clips),
            ("frames", frames),
            ("written to", output),
        ],
    )
    return bad


def main(arguments: Namespace) -> int:
    """Plan and say what cannot be; unreadable sources are rows of the plan, and will be failed clips."""
    profile, _ = options.read_settings(arguments)
    session.start()
    plan(arguments.inputs, arguments.plan, profile.clip)
    for file, problem, remedy in sorted(summarise(arguments.plan, arguments.inputs)):
        print(f"unreadable: {file}: {problem}. {remedy}.")
    return 0


if __name__ == "__main__":
    parser = options.parser(__doc__)
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help="a video, a folder, or an s3:// prefix")
    parser.add_argument(
        "--plan", required=True, help="folder or s3:// prefix for the plan; as private as the sources"
    )
    options.run(main, parser)
