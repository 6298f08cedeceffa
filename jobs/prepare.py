"""Prepare: videos in, training pairs out. `python -m jobs.prepare --plan PLAN --output PAIRS`.

Every clip of a plan goes through the same Condition operator as in anonymization; each whole window of each tube
becomes a pair in a WebDataset shard: KEY.target.mp4, KEY.condition.mp4, KEY.mask.npz, KEY.json, and with --latents
KEY.latents.safetensors, so that training never decodes. With --people, rendered people with ground truth take
the plan's place. PAIRS shows real people: keep it as private as the sources. After any interruption run the
same command again: finished shards stay untouched.
"""

import hashlib
import io
import json
from argparse import Namespace
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow.dataset as arrow_dataset
import ray
import webdataset as wds

from cluster import session
from jobs import options
from operators import storage
from operators.condition import Condition
from operators.conditioning.identity import looks_key
from operators.training.pair_members import members_of
from operators.training.pairs import pair_of_people, pairs_of_clip
from operators.training.synthetic_people import RenderedClip, read_people
from operators.training.vace_latents import LatentsOf
from schemas.arrow import from_table
from schemas.clip import ClipRef
from schemas.errors import UserError
from schemas.policy import Policy
from schemas.profile import Profile


class Prepare:
    """One piece of work in, one shard out; its stats, written last, say that it is done."""

    def __init__(self, profile: Profile, policy: Policy, work: dict[str, Any], output: str) -> None:
        # Pairs are for a diffusion model: it is given people's tubes, also where the profile has people drawn.
        generator = profile.generator.model_copy(update={"people": "diffusion"})
        self.profile = profile.model_copy(update={"generator": generator})
        self.work, self.output = work, output
        if work["plan"]:
            self.condition = Condition(
                self.profile, policy, looks_key(options.read_release_key(work["plan"]))
            )
        self.scenes: list[RenderedClip] = []
        self.latents = LatentsOf(profile.generator.weights) if work["latents"] else None

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        counts, shards = Counter[str](), dict[str, tuple[str, int]]()
        with ExitStack() as stack:
            files: dict[str, tuple[io.BytesIO, wds.TarWriter]] = {}
            for pair in self.pairs(row, counts):
                size = "x".join(str(side) for side in pair.mask.shape)  # a batch needs equal sizes
                if size not in files:
                    file = io.BytesIO()
                    files[size] = file, stack.enter_context(wds.TarWriter(file, encoder=False, mtime=0))
                files[size][1].write(
                    {"__key__": pair.key, **members_of(pair, self.latents(pair) if self.latents else None)}
                )
                path = f"shards/{row['name']}-{size}.tar"
                shards[path] = size, shards.get(path, (size, 0))[1] + 1
        for path, (size, _) in shards.items():
            storage.write_bytes(self.output, path, files[size][0].getvalue())
        stats = json.dumps({"clips": counts, "shards": shards})
        storage.write_bytes(self.output, f"stats/{row['name']}.json", stats.encode())
        return {"name": row["name"]}

    def pairs(self, row: dict[str, Any], counts: Counter[str]) -> Any:
        """The pairs of one piece: clips of the plan, or one shard of rendered people in one variation."""
        if self.work["plan"]:
            for ref in read_refs(self.work["plan"], row["ids"]):
                yield from pairs_of_clip(ref, self.condition, self.profile.generator, counts)
            return
        people = Path(self.work["people"])
        if row["variation"] and not self.scenes:
            self.scenes = list(read_people(people, "street-train-*.tar"))
        for sample in read_people(people, row["shard"]):
            if len(sample.frames) < self.profile.generator.window:
                counts["skipped: too short"] += 1
                continue
            counts.update(prepared=1)
            settings, seed = self.profile.generator, self.work["seed"]
            yield pair_of_people(sample, row["variation"], settings, seed, self.scenes)


def read_refs(plan: str, ids: list[int] | None = None) -> list[ClipRef]:
    """The plan's clips, all or those of `ids`, in order of id."""
    filesystem, manifest = storage.arrow_filesystem(f"{plan}/clips")
    rows = arrow_dataset.dataset(manifest, filesystem=filesystem, format="parquet")
    chosen = arrow_dataset.field("clip_id").isin(ids) if ids is not None else None
    return sorted(from_table(rows.to_table(filter=chosen), ClipRef), key=lambda ref: ref.clip_id)


def pieces(work: dict[str, Any], clips_per_shard: int) -> list[dict[str, Any]]:
    """What is to be done, in pieces of one shard whose names depend on their content only."""
    if work["plan"]:
        options.read_release_key(work["plan"])  # and so: there is a finished plan
        ids = [ref.clip_id for ref in read_refs(work["plan"])]
        groups = [ids[first : first + clips_per_shard] for first in range(0, len(ids), clips_per_shard)]
        return [
            {"name": hashlib.blake2b(repr(group).encode(), digest_size=16).hexdigest(), "ids": group}
            for group in groups
        ]
    shards = sorted(path.name for path in Path(work["people"]).glob("*-train-*.tar"))
    if not shards:
        raise UserError(work["people"], "holds no *-train-*.tar", "Give the folder of the synthetic people")
    return [
        {"name": f"{shard.removesuffix('.tar')}-{variation:03d}", "shard": shard, "variation": variation}
        for variation in range(work["variations"])
        for shard in shards
        if variation == 0 or not shard.startswith("street")
    ]


def prepare(profile: Profile, policy: Policy, work: dict[str, Any], output: str) -> Counter[str]:
    """Do what is not done yet; returns what became of all clips, of this run and of those before."""
    mode = "whole_frame" if policy.variant == "structall" else profile.generator.mode
    made_for = {"variant": policy.variant, "mode": mode}
    settings = {"profile": profile.digest(), "policy": policy.digest(), "made_for": made_for, **work}
    made = storage.list_files(output)
    if "pairs.json" in made and json.loads(storage.read_bytes(output, "pairs.json")) != settings:
        raise UserError(output, "was begun with other settings", "Use the same again, or another output")
    if made and "pairs.json" not in made:
        raise UserError(output, "holds files, but no pairs.json of ours", "Choose an empty output")
    storage.write_bytes(output, "pairs.json", json.dumps(settings).encode())
    all_of_it = pieces(work, profile.clips_per_shard)
    todo = [piece for piece in all_of_it if f"stats/{piece['name']}.json" not in made]
    if todo:
        pool = profile.pools.condition
        ray.data.from_items(todo, override_num_blocks=len(todo)).map(
            Prepare,
            fn_constructor_args=(profile, policy, work, output),
            compute=ray.data.ActorPoolStrategy(size=pool.actors),
            num_cpus=pool.num_cpus,
            num_gpus=pool.num_gpus,
        ).materialize()
    counts = Counter[str]()
    missing = []
    for piece in all_of_it:
        try:
            stats = json.loads(storage.read_bytes(output, f"stats/{piece['name']}.json"))
            counts.update(stats["clips"], pairs=sum(count for _, count in stats["shards"].values()))
        except FileNotFoundError:
            missing.append(piece["name"])
    if missing:
        raise UserError(
            output, f"lacks {len(missing)} of {len(all_of_it)} shards", "Run the same command again"
        )
    return counts


def main(arguments: Namespace) -> int:
    """Run and say what became of the clips."""
    profile, policy = options.read_settings(arguments)
    if bool(arguments.plan) == bool(arguments.people):
        raise UserError(
            "--plan, --people", "one of the two is needed", "Make a plan with python -m jobs.plan"
        )
    options.keep_out_of_datasets(arguments.output, "training pairs")
    session.start(profile)
    names = ("plan", "people", "variations", "latents", "seed")
    output = arguments.output.rstrip("/")
    counts = prepare(profile, policy, {name: getattr(arguments, name) for name in names}, output)
    options.table("prepare", [*sorted(counts.items()), ("output", output)])
    return 0


if __name__ == "__main__":
    parser = options.parser(__doc__)
    parser.add_argument("--plan", default="", help="folder or object store's prefix written by jobs.plan")
    parser.add_argument("--people", default="", help="instead: folder with shards of synthetic people")
    parser.add_argument("--variations", type=int, default=1, help="of every rendered crop (--people)")
    parser.add_argument("--output", required=True, help="folder or object store's prefix for the pairs")
    parser.add_argument("--variant", choices=["structhuman", "structall"], help="instead of the policy's")
    parser.add_argument("--latents", action="store_true", help="store latents of the profile's VAE, too")
    parser.add_argument("--seed", type=int, default=0, help="of the variations (--people)")
    options.run(main, parser)
