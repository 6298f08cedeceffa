"""Consent: a list of people for somebody who was followed. `python -m jobs.consent --plan PLAN --source NAME`.

Without --person it says who was followed in a video, and where to look for them; with it, writes the rows by which that
person consents, wherever they were found. Put the file beside the video as VIDEO.people.parquet, or its rows into the
list that is there, and plan again. It holds boxes of real people: it is as private as the plan.
"""

import io
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter

import pyarrow.compute as pc
import pyarrow.parquet as pq

from cluster.ledger.plans import Plan
from jobs import options
from operators import storage
from operators.planning.consents import consent_list, followed_in
from operators.planning.spelling import meant
from operators.release import reader
from schemas.arrow import from_table, schema_of
from schemas.clip import ClipRef
from schemas.errors import UserError


def clips_of(plan: Plan, source: str) -> list[ClipRef]:
    """The clips of one source, by its address or the last part of that. Raises UserError for none, or several."""
    files = plan.files()
    uris = pc.unique(reader.read_columns(files, ["uri"])["uri"]).to_pylist()
    last = meant(source, {uri.rpartition("/")[2] for uri in uris})
    named = meant(source, uris) or [uri for uri in uris if uri.rpartition("/")[2] in last]
    if len(named) != 1:
        problem = "is the name of several sources" if named else "is no source of the plan"
        raise UserError(source, problem, "Give its whole address, as python -m jobs.plan was shown it")
    return from_table(
        reader.read_columns(files, schema_of(ClipRef).names, pc.field("uri") == named[0]), ClipRef
    )


def main(arguments: Namespace) -> int:
    """Say who is there, or write what somebody consents to."""
    refs = clips_of(Plan.of(arguments.plan), arguments.source)
    if arguments.person is None:
        show(refs)
        return 0
    made = consent_list(refs, arguments.person, arguments.consent, arguments.by)
    options.keep_out_of_datasets(arguments.to, "boxes of people")
    place, _, name = storage.absolute(arguments.to).rpartition("/")
    if storage.exists(place, name):
        raise UserError(arguments.to, "is there already", "Name another file, and add its rows to that one")
    held = io.BytesIO()
    pq.write_table(made, held)
    storage.write_bytes(place, name, held.getvalue())
    options.table("consent", [("frames", made.num_rows), ("list", arguments.to)])
    return 0


def show(refs: list[ClipRef]) -> None:
    """Each person with their frames, and the box in the middle one."""
    rows = []
    for person, sights in sorted(followed_in(refs).items()):
        frames = sorted(sights)
        middle = frames[len(frames) // 2]
        box = ", ".join(str(round(float(side))) for side in sights[middle])
        where = f"frames {frames[0]} to {frames[-1]}, {len(frames)} of them; in frame {middle} at {box}"
        rows.append((f"person {person}", where))
    options.table("consent: who was followed", rows or [("nobody", "")])


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--plan", required=True, help="a plan that jobs.follow has gone through")
    parser.add_argument(
        "--source", required=True, help="a video of it: its address, or the last part of that"
    )
    parser.add_argument("--person", type=int, metavar="N", help="who consents (default: say who there is)")
    parser.add_argument(
        "--consent", default="", metavar="REF", help="the consent's reference, which is published"
    )
    parser.add_argument("--by", default="", metavar="WHO", help="who vouches for it, which is published")
    parser.add_argument(
        "--to", default="consent.people.parquet", metavar="FILE", help="(default: %(default)s)"
    )
    options.run(main, parser)
