"""One file is one job."""

import sys

import operators  # noqa: F401  first of all: it isolates the process
from cluster import stop

if sys.argv[:1] == ["-m"]:  # as Python names itself while it looks for what `python -m jobs.JOB` names
    stop.at_once()
