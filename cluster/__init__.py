"""Where it runs."""

import operators  # noqa: F401  first of all: it isolates the process
