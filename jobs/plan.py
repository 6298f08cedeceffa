"""Plan: videos in, a manifest of clip references out. `python -m jobs.plan INPUT... --plan PLAN`.

INPUT is a video, a folder, or an s3:// prefix. PLAN holds source names and the release key: keep it as
private as the sources. Of each video only the first frames are decoded. The same input always gives the same clips.
"""

import json
from argparse import Namespace
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as arrow_dataset
import ray

from cluster import books, session, store
from jobs import options
from operators.source import Listing, list_sources, plan_source
from schemas.arrow import to_table
from schemas.clip import ClipRef
from schemas.errors import UserError
from schemas.profile import Clips

MAX_FILES = 1000  # of the manifest, and so the most sources that are probed at once


def plan(inputs: list[str], output: str, clips: Clips) -> dict[str, Any]:
    """List, probe every source wherever Ray finds room, write the manifest; returns what plan.json says."""
    listing = list_sources(inputs)
    key = options.make_release_key(output)
    filesystem, manifest = store.arrow_filesystem(f"{output}/clips")
    old = [path for path in store.list_files(output) if path.startswith("clips/")]
    store.delete(output, [options.PLAN_FILE, *old])
    (
        ray.data.from_items(
            [{"uri": uri, "name": name} for uri, name in listing.videos],
            override_num_blocks=min(len(listing.videos), MAX_FILES),
        )
        .map_batches(partial(probe, name_key=key, clips=clips), batch_size=None, batch_format="pyarrow")
        .write_parquet(manifest, filesystem=filesystem)
    )
    return account(output, listing)


def probe(sources: pa.Table, name_key: bytes, clips: Clips) -> pa.Table:
    """A batch of sources -> their clip references."""
    refs = [plan_source(row["uri"], row["name"], name_key, clips) for row in sources.to_pylist()]
    return to_table([ref for source in refs for ref in source], ClipRef)


def account(output: str, listing: Listing) -> dict[str, Any]:
    """Write plan.json from what the manifest holds.

    Raises UserError if a listed source is not in it, or a clip is there twice.
    """
    filesystem, manifest = store.arrow_filesystem(f"{output}/clips")
    rows = arrow_dataset.dataset(manifest, filesystem=filesystem, format="parquet")
    found = set(pc.unique(rows.to_table(columns=["uri"])["uri"]).to_pylist())
    lost = sorted({uri for uri, _ in listing.videos} - found)
    if lost:
        raise UserError(lost[0], f"and {len(lost) - 1} more sources could not be probed", "Plan again")
    bad = rows.to_table(columns=["uri", "problem", "remedy"], filter=pc.field("problem") != "")
    planned = books.read_plan(output)
    counts = {
        "sources": len(found),
        "clips": len(planned.ids),
        "frames": planned.frames,
        "problems": sorted(bad.to_pylist(), key=lambda row: row["uri"]),
        "other_files": listing.others,
        "id_digest": books.id_digest(planned.ids),
    }
    store.write_bytes(output, options.PLAN_FILE, json.dumps(counts, indent=2).encode())
    return counts


def main(arguments: Namespace) -> int:
    """Plan and say what cannot be; unreadable sources are rows of the plan, and will be failed clips."""
    profile, _ = options.read_settings(arguments)
    session.start()
    output = arguments.plan.rstrip("/")
    made = plan(arguments.inputs, output, profile.clip)
    rows = [
        ("videos", made["sources"]),
        ("of these unreadable", len(made["problems"])),
        ("files that are no videos, left out", made["other_files"]),
        ("clips", made["clips"]),
        ("frames", made["frames"]),
        ("plan", output),
    ]
    options.table("plan", rows)
    for bad in made["problems"]:
        print(f"unreadable: {bad['uri']}: {bad['problem']}. {bad['remedy']}.")
    return 0


if __name__ == "__main__":
    parser = options.parser(__doc__)
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help="a video, a folder, or an s3:// prefix")
    parser.add_argument(
        "--plan", required=True, help="folder or s3:// prefix for the plan; as private as the sources"
    )
    options.run(main, parser)
