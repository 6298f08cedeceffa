"""`jobs.anonymize --forget` and `--forget-list`: what a run does about sources that are to be forgotten, or were."""

from argparse import Namespace

from cluster.ledger import erasure, forgetting, memory
from cluster.ledger.plans import Plan
from jobs.layout import discard
from operators import storage
from schemas.errors import UserError


def forget(plan: Plan, arguments: Namespace, name_key: bytes) -> None:
    """Take what is named out of the plan, and what was made of it out of the review folder and OUTPUT-videos; the run
    takes it out of the output. The same of all that was forgotten before: that may have been interrupted anywhere, or
    done by a run with another output.

    Raises UserError, and changes nothing, if one of them is no source.
    """
    named = [*arguments.forget, *(listed(arguments.forget_list) if arguments.forget_list else [])]
    if named:
        erasure.forget(plan, arguments.output, named, name_key)
    else:
        forgetting.forget(plan.uri)
    gone = memory.forgotten(plan.uri)
    if gone:
        discard(arguments.output, gone)
        if arguments.review:
            erasure.erase_candidates(arguments.review, gone)


def listed(path: str) -> list[str]:
    """The sources that a file names, one a line: as it stands there, since names may hold blanks and most signs."""
    try:
        lines = storage.read_file(path).decode("utf-8-sig").split("\n")
    except UnicodeDecodeError:
        raise UserError(path, "is not UTF-8", "Write the names of sources in UTF-8, one a line") from None
    return [line for line in (line.removesuffix("\r") for line in lines) if line.strip()]
