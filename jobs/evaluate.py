"""Evaluate: how private, good and useful is a dataset? `python -m jobs.evaluate --plan PLAN --output OUT --report DIR`

    sources -> Measure -> figures over sources -> page, JSON, Markdown, signed summary

--draw N writes a page with N frames drawn at random, originals beside results; --labels FILE takes what somebody saw
in them, which bounds exposure without any detector.

Runs where originals may be read. DIR is restricted: it holds pictures of people, and a page with originals beside
results. Every source is measured once; after any interruption run the same command again. With a key, a summary without
pixels and names goes into OUT, signed, which jobs.verify holds against the policy's evidence.
"""

import hashlib
import random
from argparse import Namespace
from collections import Counter, defaultdict
from pathlib import PurePosixPath
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import ray

from cluster import session, weights_lock
from cluster.ledger import chain, dataset_signature
from cluster.ledger.plans import Plan
from jobs import options
from jobs.anonymize import actors_of
from jobs.verify import policy_of
from operators import storage
from operators.conditioning.identity import looks_key
from operators.evaluation import by_eye
from operators.evaluation.attacker import Attacker
from operators.evaluation.card import card
from operators.evaluation.figures import Figures
from operators.evaluation.interval import figure
from operators.evaluation.judges.models import JudgeModels
from operators.evaluation.keyed import linked_by_key
from operators.evaluation.measure import Measure, Places
from operators.evaluation.store import Store
from operators.evaluation.summary import bodies, summary, worst
from operators.evaluation.watch import watched
from operators.pages.evaluation import write_evaluation
from operators.pages.evaluation_charts import AXES
from operators.pages.label import write_labels
from operators.release import evidence, reader
from operators.release.attestation import sha256
from operators.release.json_form import parsed, written
from operators.release.layout import CARD, DATASET, EVIDENCE, source_of
from operators.release.signature import Signer
from schemas.by_eye import ByEye
from schemas.config import load
from schemas.decision import read_list
from schemas.errors import UserError
from schemas.evaluation import ATTACKS, BASELINES, Judges, Measured
from schemas.policy import Policy
from schemas.profile import Profile

T = TypeVar("T", bound=str)
Clips = dict[str, list[dict[str, str]]]  # released ones by source: key and shard
RELEASED = pc.field("verdict") == "released"
Lost = dict[str, tuple[float, float]]  # frames not released, and planned, by source


def clips_of(output: str, head: str, sources: int) -> tuple[Clips, Lost]:
    """Of all sources, or of so many drawn at random, always the same; what was lost is of all. Read are the manifests
    of the list whose last hash is `head`: what is measured is signed for that dataset, and others may write there.
    Raises UserError."""
    clips: Clips = defaultdict(list)
    lost: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    columns = ["key", "shard", "frames", "verdict", "sha256", "record_sha256"]
    for path, digest in sorted(chain.manifests(output, head).items()):
        for row in reader.manifest_of(
            output, path, digest, "written", "Run jobs.verify", columns
        ).to_pylist():
            source = source_of(row["key"])
            released = row["verdict"] == "released"
            lost[source][0] += 0 if released else row["frames"]
            lost[source][1] += row["frames"]
            if released:
                told = ("key", "shard", "sha256", "record_sha256")
                clips[source].append({name: row[name] for name in told})
    chosen = sorted(clips)
    if sources and sources < len(chosen):
        chosen = sorted(random.Random(0).sample(chosen, sources))
    counted = {source: (pair[0], pair[1]) for source, pair in lost.items()}
    return {source: clips[source] for source in chosen}, counted


def measure(clips: Clips, store: Store, profile: Profile, digests: dict[str, str], *arguments: Any) -> None:
    """Every source that is not measured yet, or of which a clip could not be. Raises UserError for those that were lost
    with a worker."""
    missing = sorted(set(clips) - store.whole())
    if missing:
        rows = [{"source": source, "clips": clips[source]} for source in missing]
        sources = ray.data.from_items(rows, override_num_blocks=min(len(rows), 1000))
        done = sources.map(
            weights_lock.checked(Measure, digests),
            fn_constructor_args=(profile, *arguments, store),
            **actors_of(profile.pools.condition),
        )
        for _ in done.iter_rows():
            pass
    if left := set(clips) - store.sources():
        problem, remedy = f"{len(left)} sources could not be measured", "See the workers' logs; run it again"
        raise UserError(store.folder, problem, remedy)


def require_truth(places: Places, clips: Clips) -> None:
    """Raises UserError unless there is truth of every source, before anything is measured."""
    refs = reader.references(places.plan, {own[0]["key"] for own in clips.values()}).values()
    names = {PurePosixPath(ref.uri).stem for ref in refs}
    known = {name.removesuffix(".masks.npz") for name in storage.list_files(places.truth)}
    if lacking := names - known:
        problem = f"holds no NAME.masks.npz of {len(lacking)} of {len(names)} sources"
        raise UserError(
            places.truth, problem, "Give the truth of every source NAME.mp4, or leave --truth out"
        )


def require_measured(measured: list[Measured], folder: str) -> None:
    """Raises UserError if no clip could be measured: of nothing there is no report."""
    if not any(one.ratios for one in measured):
        why = Counter(said.rpartition(": ")[2] for one in measured for said in one.unmeasured)
        problem = f"no clip could be measured ({', '.join(f'{count} {name}' for name, count in why.items())})"
        raise UserError(folder, problem, "See the workers' logs; the same command tries them again")


def keyed(places: Places, clips: Clips, key: bytes) -> Figures:
    """What somebody links to the sources who has the plan's key, or any other."""
    keys = pa.array([clip["key"] for own in clips.values() for clip in own])
    wanted = pc.field("key").isin(keys)
    planned = reader.read_columns(
        reader.parquet_files(places.plan, "clips"), ["key", "source_digest"], wanted
    )
    rows = reader.manifest(places.output, ["key", "source_hmac"], wanted)
    digests, published = (
        dict(zip(*(one.to_pylist() for one in table.columns), strict=True)) for table in (planned, rows)
    )
    held = {"linked with the release key": key, "linked with another key": b"another"}
    return {name: linked_by_key(digests, published, one) for name, one in held.items()}


def chosen(named: str, known: tuple[T, ...], option: str) -> list[T]:
    """The names in a list with commas. Raises UserError for one that is not known."""
    names = [name.strip() for name in named.split(",") if name.strip()]
    if unknown := set(names) - set(known):
        raise UserError(option, f"{', '.join(sorted(unknown))}: not known", f"Known are {', '.join(known)}")
    return [name for name in known if name in names]


def told_apart(
    arguments: Namespace, policy: Policy, profile: Profile, digests: dict[str, str], store: Store
) -> Figures:
    """Who is told by the profile's adapter, if that is asked."""
    members, strangers = arguments.members, arguments.strangers
    if not members and not strangers:
        return {}
    from jobs.membership import told_by_adapter  # takes seconds to import

    return told_by_adapter(members, strangers, policy.variant, profile, digests, store)


def to_be_labelled(places: Places, count: int, digest: str, report: str) -> int:
    """Write the page with so many drawn frames, and say where it is."""
    rows = reader.manifest(places.output, ["key", "shard", "frames"], RELEASED).to_pylist()
    drawn = by_eye.draw({row["key"]: row["frames"] for row in rows}, count, digest)
    shards = {row["key"]: row["shard"] for row in rows}
    page = write_labels(report, places.plan, places.output, drawn, shards)
    options.table("evaluate: frames to look at", [("frames", len(drawn)), ("page", page)])
    return 0


def labelled(output: str, where: str, digest: str) -> Figures:
    """What somebody saw in the frames that are drawn of this dataset, as many as are labelled."""
    labels = read_list(ByEye, where, storage.read_file(where), "Give the file that the label page saved")
    rows = reader.manifest(output, ["key", "frames"], RELEASED).to_pylist()
    drawn = by_eye.draw({row["key"]: row["frames"] for row in rows}, len(labels), digest)
    return {by_eye.NAME: by_eye.seen(labels, drawn, where)}


def stamp_of(dataset: bytes, judges: Judges, profile: Profile, arguments: Namespace) -> str:
    """What a measurement depends on; of another one nothing is taken."""
    parts = [sha256(dataset), judges.digest(), profile.digest(), weights_lock.code_version()]
    parts += [arguments.against, arguments.truth]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def publish(output: str, found: dict[str, Any], dataset: bytes, signer: Signer, with_card: bool) -> None:
    """The signed summary into OUT, and the data card beside the dataset, vouched for by it."""
    digests = {DATASET: sha256(dataset)}
    if with_card:
        made = written(card(parsed(dataset), found))
        storage.write_bytes(output, CARD, made)
        digests[CARD] = sha256(made)
    storage.write_bytes(output, EVIDENCE, evidence.seal(found, digests, signer))


def require_profile(output: str, dataset: dict[str, Any], profile: Profile) -> None:
    """Raises UserError unless the dataset was made with this profile."""
    if dataset["profile"]["digest"] != profile.digest():
        problem = f"was made with another profile than {profile.name}"
        raise UserError(output, problem, "Give the settings of the run")


def read_once(output: str) -> tuple[dict[str, Any], bytes]:
    """What dataset.json says, and its bytes. Raises UserError if it changes, or there is nothing to evaluate."""
    dataset = reader.require_complete(output, "there is nothing to evaluate")
    held = storage.read_bytes(output, DATASET)
    if held != written(dataset):
        raise UserError(f"{output}/{DATASET}", "is not in the form in which it is written", "Run jobs.verify")
    return dataset, held


def signer_of(arguments: Namespace, dataset: dict[str, Any]) -> Signer | None:
    """Who signs the summary, if anybody. Raises UserError unless it is the dataset's owner."""
    signer = options.read_signer(arguments)
    if signer and dataset_signature.key_named(dataset)[0] != signer.public_key:
        raise UserError("--key", "is not the key that the dataset is signed by", "Give that one, or none")
    if arguments.card and not signer:
        raise UserError("--card", "needs --key", "The card is vouched for by the signed summary")
    return signer


def facts_of(
    dataset: dict[str, Any], sha256: str, policy: Policy, profile: Profile, judges: Judges, truth: bool
) -> dict[str, Any]:
    """What the summary says of the dataset that was evaluated, and of who judged it by what."""
    return {
        "bodies": bodies(policy, profile),
        "dataset": {
            "sha256": sha256, "revision": dataset.get("revision", 0), "variant": dataset["variant"],
            "profile": dataset["profile"]["name"], "policy": dataset["policy"]["name"],
        },
        "judges": {"name": judges.name, "digest": judges.digest(), "gates_use": judges.gates_use},
        "truth": truth,
    }  # fmt: skip


def main(arguments: Namespace) -> int:
    """Measure what is missing, then write the report."""
    output, report = arguments.output.rstrip("/"), arguments.report.rstrip("/")
    storage.keep_apart(output, report, "originals")
    options.keep_out_of_datasets(report, "originals")
    profile, _ = options.read_settings(arguments)
    dataset, held = read_once(output)
    policy, judges = policy_of(output, dataset), load(Judges, options.named("judges", arguments.judges))
    require_profile(output, dataset, profile)
    signer = signer_of(arguments, dataset)
    methods = chosen(arguments.against, BASELINES, "--against")
    attacks = chosen(arguments.attacks, ATTACKS, "--attacks")
    store = Store(report, stamp_of(held, judges, profile, arguments))
    digests = weights_lock.digests(profile) | weights_lock.digests_of(judges)
    truth = storage.absolute(arguments.truth) if arguments.truth else ""
    places = Places(storage.absolute(arguments.plan), storage.absolute(output), truth)
    clips, lost = clips_of(output, dataset["chain"], arguments.sources)
    if not clips:
        raise UserError(output, "holds no released clip", "There is nothing to evaluate")
    if truth:
        require_truth(places, clips)
    if arguments.draw:
        return to_be_labelled(places, arguments.draw, sha256(held), report)
    eyes = labelled(output, arguments.labels, sha256(held)) if arguments.labels else {}
    session.start(profile)
    key = options.read_release_key(Plan.of(arguments.plan).uri)
    # Before what takes long: it may be asked wrongly.
    told = told_apart(arguments, policy, profile, digests, store)
    measure(clips, store, profile, digests, policy, looks_key(key), judges, methods, places)
    measured = [one for one in store.read() if one.source in clips]
    require_measured(measured, store.folder)
    attacker = Attacker(measured, JudgeModels.embedders_of(judges))
    own = {"lost": figure(lost), **keyed(places, clips, key), **told, **eyes}
    facts = facts_of(dataset, sha256(held), policy, profile, judges, bool(truth))
    found = summary(measured, attacker, attacks, own, facts)
    page = write_evaluation(report, found, watched(places, clips, worst(measured)))
    if signer:
        publish(output, found, held, signer, arguments.card)
    show(found, page)
    return 0


def show(found: dict[str, Any], page: str) -> None:
    """The axes of every method, and where the page is."""
    rows = [
        (f"{name}: {', '.join(AXES)}", ", ".join(map(str, one["axes"].values())))
        for name, one in found["methods"].items()
    ]
    options.table(
        "evaluate",
        [
            ("sources", found["sources"]),
            ("not measured", found["unmeasured"]),
            *(("the control was not found", one) for one in found["control"]),
            *rows,
            ("page", page),
        ],
    )


if __name__ == "__main__":
    parser = options.parser(__doc__)
    parser.add_argument("--plan", required=True, help="the plan of the dataset")
    parser.add_argument("--output", required=True, help="the dataset: a folder or an object store's prefix")
    parser.add_argument(
        "--report", required=True, metavar="DIR", help="where the report goes; restricted, outside OUT"
    )
    parser.add_argument("--variant", choices=["structhuman", "structall"], help="instead of the policy's")
    parser.add_argument(
        "--judges",
        default="embedded",
        help="the models that judge (default: %(default)s)",
    )
    parser.add_argument(
        "--against", default=",".join(BASELINES), metavar="NAMES", help="baselines (default: %(default)s)"
    )
    parser.add_argument(
        "--attacks", default=",".join(ATTACKS), metavar="NAMES", help="(default: %(default)s)"
    )
    parser.add_argument(
        "--truth", default="", metavar="DIR",
        help="NAME.masks.npz of every source NAME.mp4, else detectors say who is seen",
    )  # fmt: skip
    for name, whose in (
        ("--members", "that the adapter was trained on"),
        ("--strangers", "of other sources"),
    ):
        parser.add_argument(
            name,
            default="",
            metavar="PAIRS",
            help=f"training pairs {whose}: are members told by the adapter?",
        )
    parser.add_argument(
        "--sources",
        type=options.count,
        default=0,
        metavar="N",
        help="evaluate so many, drawn at random (default: all)",
    )
    parser.add_argument(
        "--draw", type=options.count, default=0, metavar="N",
        help="write DIR/label.html, N frames drawn at random for somebody to look at, and nothing else",
    )  # fmt: skip
    parser.add_argument(
        "--labels", default="", metavar="FILE", help="what was seen in them: the file that page saved"
    )
    parser.add_argument("--card", action="store_true", help="also write OUT/croissant.json; needs --key")
    options.add_key(parser)
    options.run(main, parser)
