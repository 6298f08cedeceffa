"""One file is one job."""

import operators  # noqa: F401  first of all: it isolates the process
