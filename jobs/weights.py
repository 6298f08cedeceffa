"""Weights: what a profile's models are loaded from. `python -m jobs.weights check|fetch|mirror --profile PROFILE`

With --judges JUDGES it is of those who judge evaluations instead.

check    everything that the profile names is there, and is what cluster/weights_lock.lock says.
fetch    brings what is missing from the Hugging Face hub, or from a mirror (--from) where there is no internet. A
         digest that differs stops it. What the lock lists without a digest is brought only with --pin, which writes
         the digest of what came into the lock: look at it, and have the change of the lock reviewed like any other.
mirror   copies what the profile names into a folder or object store's prefix (--to), from which other sites fetch.
"""

from argparse import Namespace

from cluster import weights_hub, weights_lock
from jobs import options
from schemas.config import Settings, load
from schemas.errors import UserError
from schemas.evaluation import Judges


def check(settings: Settings) -> list[tuple[str, str]]:
    """What stands behind every field: path, licence and size. Raises UserError at the first that is not right."""
    lock, rows = weights_lock.read_lock(), []
    for field, path in weights_lock.named(settings).items():
        weights_lock.verify(path, lock)
        licence = lock.get(path, {}).get("licence", "your own: not in the lock")
        rows.append((field, f"{path}: {licence}, {weights_hub.size(path) / 1e6:.1f} MB, as listed"))
    return rows


def fetch(settings: Settings, mirror: str, pin: bool) -> list[tuple[str, str]]:
    """Bring what is missing; what the lock does not list is the user's to bring."""
    lock, rows = weights_lock.read_lock(), []
    for field, path in weights_lock.named(settings).items():
        if path not in lock:
            rows.append((field, f"{path}: your own, not in the lock"))
            continue
        entry = weights_hub.fetch(path, lock[path], mirror, pin)
        if entry.get("sha256") != lock[path].get("sha256"):
            weights_hub.record(path, entry)
            lock[path] = entry
            rows.append((field, f"{path}: pinned at {entry['sha256']}; review the lock and commit it"))
        else:
            rows.append((field, f"{path}: as listed"))
    return rows


def mirror(settings: Settings, to: str) -> list[tuple[str, str]]:
    """Copy what is right; nothing else gets into a mirror."""
    rows = check(settings)
    for path in weights_lock.named(settings).values():
        weights_hub.upload(path, to)
    return rows


def main(arguments: Namespace) -> int:
    """Do it and say what stands behind each field."""
    settings: Settings = options.read_settings(arguments)[0]
    if arguments.judges:
        settings = load(Judges, options.named("judges", arguments.judges))
    match arguments.action:
        case "check":
            rows = check(settings)
        case "fetch":
            rows = fetch(settings, arguments.source, arguments.pin)
        case "mirror":
            if not arguments.to:
                raise UserError("--to", "is missing", "Say where to: a folder or object store's prefix")
            rows = mirror(settings, arguments.to)
    options.table(f"weights {arguments.action}", rows)
    return 0


if __name__ == "__main__":
    parser = options.parser(__doc__)
    parser.add_argument("action", choices=["check", "fetch", "mirror"])
    parser.add_argument(
        "--from", dest="source", default="", help="mirror to fetch from: folder or object store's prefix"
    )
    parser.add_argument("--judges", default="", help="of those who judge evaluations, instead of a profile's")
    parser.add_argument("--to", default="", help="mirror to fill: folder or object store's prefix")
    parser.add_argument("--pin", action="store_true", help="write digests that the lock lacks into it")
    options.run(main, parser)
