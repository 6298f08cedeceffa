"""Membership of sources in an adapter's training data, asked on Ray: shards of pairs in, figures out."""

import json
from hashlib import sha256
from typing import Any

import ray

from cluster import weights_lock
from jobs.anonymize import actors_of
from operators import storage
from operators.evaluation.figures import Figures
from operators.evaluation.membership import Gain, by_source, membership
from operators.evaluation.store import Store
from operators.training.batches import made_for, samples_of, shards_by_size
from operators.training.pair_members import latents_from, pair_from
from operators.training.vace_latents import LatentsOf
from schemas.errors import UserError
from schemas.profile import Profile


class Scored:
    """A shard of training pairs in; what the adapter gains on each of them, with its source, into the store."""

    def __init__(self, profile: Profile, store: Store) -> None:
        settings, device = profile.generator, profile.pools.regenerate.device
        self.gain, self.store = Gain(settings, device), store
        self.latents = LatentsOf(settings.weights, device)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        found = []
        for sample in samples_of(storage.read_bytes(row["pairs"], row["shard"]), row["shard"]):
            held = latents_from(sample) or self.latents(pair_from(sample))
            found.append((json.loads(sample["json"])["source_hmac"], self.gain(held)))
        self.store.keep(row["name"], json.dumps(found).encode())
        return row


def told_by_adapter(
    members: str, strangers: str, variant: str, profile: Profile, digests: dict[str, str], store: Store
) -> Figures:
    """Figures of who is told by the profile's adapter. Shards that were asked about before are not asked about again.

    Raises UserError where one of the two is missing, holds no pairs, or was prepared for something else, or where
    there is no adapter.
    """
    if not (members and strangers):
        remedy = "Give pairs that the adapter was trained on, and pairs of other sources"
        raise UserError("--members, --strangers", "it takes both to tell anything", remedy)
    if not profile.generator.adapter:
        remedy = "Name the adapter that is attacked, or leave --members out"
        raise UserError("generator.adapter", "is empty: there is no adapter to be attacked", remedy)
    rows = [shards_of(place, variant, profile) for place in (members, strangers)]
    todo = [row for row in (*rows[0], *rows[1]) if not store.kept(row["name"])]
    if todo:
        done = ray.data.from_items(todo, override_num_blocks=len(todo)).map(
            weights_lock.checked(Scored, digests),
            fn_constructor_args=(profile, store),
            **actors_of(profile.pools.regenerate),
        )
        for _ in done.iter_rows():
            pass
    return membership(
        *(by_source(pair for row in some for pair in json.loads(store.kept(row["name"]))) for some in rows)
    )


def shards_of(place: str, variant: str, profile: Profile) -> list[dict[str, Any]]:
    """A row for each shard of pairs. Raises UserError unless they are for what the profile generates."""
    pairs = storage.absolute(place)
    shards = sorted(shard for some in shards_by_size(pairs).values() for shard, _ in some)
    wanted = {"variant": variant, "mode": "whole_frame" if variant == "structall" else profile.generator.mode}
    if (made := made_for(pairs)) != wanted:
        said = ", ".join(made.values()) or "nothing that they name"
        raise UserError(place, f"was prepared for {said}", f"Prepare pairs for {', '.join(wanted.values())}")
    names = (sha256(f"{pairs}\n{shard}".encode()).hexdigest()[:32] for shard in shards)
    return [
        {"pairs": pairs, "shard": shard, "name": f"membership/{name}.json"}
        for shard, name in zip(shards, names, strict=True)
    ]
