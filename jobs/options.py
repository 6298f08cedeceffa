"""What the jobs' command lines share: settings, the release key, errors without a traceback, tables."""

import contextlib
import secrets
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

import cluster
from cluster import stop, weights_lock
from cluster.ledger import plans
from operators import storage
from operators.release.c2pa_mark import Marker
from operators.release.layout import DATASET
from operators.release.signature import Signer, read_public_key
from schemas.config import load
from schemas.errors import UserError
from schemas.policy import Policy
from schemas.profile import Profile

KEY_FILE = "release.key"


def parser(description: str | None) -> ArgumentParser:
    """A parser that knows the profile, the policy and overrides by dotted name."""
    made = ArgumentParser(description=description, formatter_class=RawDescriptionHelpFormatter)
    made.add_argument(
        "--profile",
        default="embedded",
        help="how to compute: a YAML file, or one that comes with Recast by its name (default: %(default)s)",
    )
    made.add_argument(
        "--policy",
        default="driving",
        help="what may be published, likewise (default: %(default)s)",
    )
    made.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="override a setting by dotted name: generator.steps=8, policy.mask.dilate_px=12; may be repeated",
    )
    return made


def plain_parser(description: str | None, name: str, default: str, what: str) -> ArgumentParser:
    """A parser for a job with one YAML file of settings, `--NAME`, and overrides by dotted name."""
    made = ArgumentParser(description=description, formatter_class=RawDescriptionHelpFormatter)
    made.add_argument(f"--{name}", default=default, help=f"{what} (default: %(default)s)")
    made.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="override a setting; may be repeated"
    )
    return made


def training_parser(description: str | None, steps: int) -> ArgumentParser:
    """A parser for a job that trains an embedded model from synthetic people, in `steps` steps by default."""
    made = ArgumentParser(description=description, formatter_class=RawDescriptionHelpFormatter)
    made.add_argument(
        "--people", type=Path, required=True, help="folder with shards of synthetic people, and nothing else"
    )
    made.add_argument("--output", type=Path, required=True, help="folder for the weights")
    made.add_argument("--steps", type=int, default=steps, help="of the optimizer (default: %(default)s)")
    made.add_argument(
        "--seed", type=int, default=0, help="the same gives the same weights (default: %(default)s)"
    )
    made.add_argument("--threads", type=int, default=1, help="of the CPU (default: %(default)s)")
    return made


def count(given: str) -> int:
    """A whole number from 0 on, as an option's `type`."""
    if not (given.isascii() and given.isdigit()):
        raise ArgumentTypeError(f"{plain(given)} is no whole number from 0 on")
    return int(given)


def read_settings(arguments: Namespace) -> tuple[Profile, Policy]:
    """Profile and policy with the command line's overrides; those of the policy begin with `policy.`."""
    own = [item.removeprefix("policy.") for item in arguments.set if item.startswith("policy.")]
    if getattr(arguments, "variant", None):
        own.append(f"variant={arguments.variant}")
    others = [item for item in arguments.set if not item.startswith("policy.")]
    arguments.profile, arguments.policy = (
        named("profiles", arguments.profile),
        named("policies", arguments.policy),
    )
    profile, policy = load(Profile, arguments.profile, others), load(Policy, arguments.policy, own, "policy.")
    weights_lock.check_licences(profile, arguments.profile, policy.variant)
    weights_lock.check_adapter(profile, policy.variant, arguments.profile)
    if policy.labels != "none" and profile.generator.people != "actor":
        problem = f"{policy.labels}, but profile {profile.name} paints people, of whom it knows no joints"
        remedy = "Say none, or take a profile with generator.people: actor"
        raise UserError(f"{arguments.policy}: labels", problem, remedy)
    for name, shares in policy.persona.items():
        if unknown := set(shares) - set(profile.persona.get(name, [])):
            remedy = f"Weigh words of the profile's persona.{name}, or add them there"
            problem = (
                f"{', '.join(sorted(unknown))}: the generator of profile {profile.name} does not know that"
            )
            raise UserError(f"{arguments.policy}: persona.{name}", problem, remedy)
    for rule in policy.sought():
        if rule.what not in profile.finds():
            problem = f"{rule.do}, but nothing in profile {profile.name} finds a {rule.what}"
            remedy = f"Name a detector of it in the profile's objects, or say: keep a {rule.what}"
            raise UserError(f"{arguments.policy}: rules.{policy.rules.index(rule)}.do", problem, remedy)
    return profile, policy


def named(kind: str, given: str) -> str:
    """The path of a shipped file of that kind (a folder in cluster/) that is given by its name, such as `embedded`, or
    by its path in the repository; else what is given."""
    shipped = {path.stem: str(path) for path in (Path(cluster.__file__).parent / kind).glob("*.yaml")}
    if "/" in given or given.endswith((".yaml", ".yml")) or Path(given).is_file():
        default = Path(cluster.__file__).parents[1] / given
        return given if Path(given).exists() or not default.exists() else str(default)
    if given not in shipped:
        remedy = f"Give a YAML file, or one of {', '.join(sorted(shipped))}"
        raise UserError(given, f"is no file, and none of the {kind} that come with Recast", remedy)
    return shipped[given]


def add_key(parser: ArgumentParser) -> None:
    """Options of who signs, which `read_signer` reads."""
    parser.add_argument(
        "--key", metavar="FILE", help="sign with this Ed25519 key (PEM); workers need it at the same path"
    )
    parser.add_argument(
        "--key-command",
        metavar="COMMAND",
        help="sign by this command instead: message on standard input, signature on standard output",
    )
    parser.add_argument("--public-key", metavar="FILE", help="PEM; what --key-command's signatures must fit")


def add_signing(parser: ArgumentParser) -> None:
    """The same, and options of who marks, which `read_marker` reads."""
    add_key(parser)
    parser.add_argument(
        "--c2pa-certificate",
        metavar="FILE",
        help="mark what is generated as such, by C2PA: a PEM chain, the signer's certificate first",
    )
    parser.add_argument(
        "--c2pa-key", metavar="FILE", help="its private key (PEM); at the same path on workers"
    )


def read_signer(arguments: Namespace) -> Signer | None:
    """None if no key is named: the dataset is then not signed. Raises UserError for half of what is needed."""
    key, command, public = arguments.key, arguments.key_command, arguments.public_key
    if (key and command) or bool(command) != bool(public):
        remedy = "Give --key, or --key-command and --public-key"
        raise UserError("--key", "is not what signs, or not alone", remedy)
    if command:
        return Signer.of_command(command, read_public_key(public))
    return Signer.of_file(key) if key else None


def read_marker(arguments: Namespace) -> Marker | None:
    """None if no certificate is named. Raises UserError for half of what is needed, and if it cannot mark."""
    chain, key = arguments.c2pa_certificate, arguments.c2pa_key
    if bool(chain) != bool(key):
        raise UserError("--c2pa-certificate", "needs --c2pa-key, and that needs it", "Give both, or neither")
    return Marker.of(chain, key) if chain else None


def run(main: Callable[[Namespace], int], arguments: ArgumentParser) -> None:
    """Run a job and exit with its status; 2 and one line on standard error for what the user can mend, 130
    and one line if it was told to stop."""
    stop.listen()
    try:
        status = main(arguments.parse_args())
    except UserError as error:
        print(f"error: {plain(error)}", file=sys.stderr)
        status = 2
    except (stop.Stopped, KeyboardInterrupt) as error:
        stop.in_time()
        print(
            str(error) or "stopped: the same command again goes on or begins anew",
            file=sys.stderr,
            flush=True,
        )
        status = stop.INTERRUPTED
    stop.finished()
    sys.exit(status)


def keep_out_of_datasets(private: str, what: str) -> None:
    """Raises UserError if `private` is or lies in a dataset. What may not be looked into is none."""
    place = storage.absolute(private)
    while "/" in place.rpartition("://")[2]:
        there = False
        with contextlib.suppress(UserError):
            there = storage.exists(place, DATASET)
        if there:
            storage.keep_apart(place, private, what)
        place = place.rpartition("/")[0]


def read_release_key(plan: str) -> bytes:
    """The key from which names and looks derive. Raises UserError if the plan has none, or is not finished."""
    if plans.PLAN_FILE not in storage.list_files(plan):
        raise UserError(plan, "holds no finished plan", "Make it with python -m jobs.plan")
    return _read_key(plan)


def make_release_key(plan: str) -> bytes:
    """The plan's key, made on first use. Whoever destroys it ends every link between source and output names."""
    if KEY_FILE not in storage.list_files(plan):
        storage.write_bytes(plan, KEY_FILE, secrets.token_hex(32).encode())
    return _read_key(plan)


def _read_key(plan: str) -> bytes:
    try:
        return bytes.fromhex(storage.read_bytes(plan, KEY_FILE).decode().strip())
    except (FileNotFoundError, ValueError):
        problem, remedy = "is missing or damaged", "Make the plan with python -m jobs.plan"
        raise UserError(f"{plan}/{KEY_FILE}", problem, remedy) from None


def plain(said: object) -> str:
    """On one line, and without what a terminal obeys: names of files, and what stands in them, may be a stranger's."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in str(said))


def say(said: object) -> None:
    """Print that."""
    print(plain(said))


def table(title: str, rows: Iterable[tuple[str, Any]]) -> None:
    """A closing table of names and values, on a terminal and in a log alike."""
    made = Table(title=Text(plain(title)), show_header=False, title_justify="left")
    for name, value in rows:
        made.add_row(Text(plain(name)), Text(plain(value)))
    Console().print(made)
