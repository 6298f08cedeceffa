"""`recast JOB …`, which is `python -m jobs.JOB …` from any folder; `recast` alone names the jobs."""

import ast
import runpy
import sys
from pathlib import Path

from cluster import stop

_JOBS = "plan follow consent anonymize verify status export evaluate weights prepare finetune render_people"
JOBS = tuple(_JOBS.split())


def main() -> None:
    """Run the job that the command line names, as its own module would run; or say which there are."""
    name, here = (sys.argv[1:] or [""])[0], Path(__file__).parent
    if name in JOBS:
        del sys.argv[1]
        stop.at_once()
        runpy.run_module(f"jobs.{name}", run_name="__main__", alter_sys=True)
        return
    lines = [f"  {job:14}{_about(here / f'{job}.py')}" for job in JOBS]
    said = "\n".join(["usage: recast JOB …   (recast JOB --help for its options)", "", *lines])
    if name in ("", "-h", "--help"):
        print(said)
        return
    print(f"error: {name}: is no job. Give one of {', '.join(JOBS)}", file=sys.stderr)
    sys.exit(2)


def _about(file: Path) -> str:
    """What the job's first sentence says it does."""
    said = " ".join((ast.get_docstring(ast.parse(file.read_text())) or "").split("\n\n")[0].split())
    return said.partition(": ")[2].partition(". ")[0].rstrip(".")


if __name__ == "__main__":
    main()
