"""Rules of the house that reading the sources can prove."""

import ast
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import mypy.api
import pytest

from cluster import weights_lock
from schemas import __version__

ROOT = Path(__file__).parents[1]
SOURCES = [
    path for room in ("schemas", "operators", "jobs", "cluster") for path in (ROOT / room).rglob("*.py")
]
MOST_FILES = 27  # in a folder: as many as the fullest one of the codebases that this one learns from
LINES = 40  # of a function
LONGER = {
    "operators/actor/drawing/garments.py:dress",
    "operators/actor/looks/sampling.py:sample_outfit",  # draws in an order that shards of rendered people rest on
    "operators/training/tfjs_onnx.py:_spatial",  # a case for each kind of node
}
DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    *(path for room in ("docs", "benchmarks", "examples") for path in sorted((ROOT / room).glob("**/*.md"))),
]


@cache
def nodes(path: Path) -> list[ast.AST]:
    """Of a source, all there are."""
    return list(ast.walk(ast.parse(path.read_text())))


def imports(path: Path) -> set[str]:
    """Top-level packages that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0])
    return found


@pytest.mark.parametrize("room", ["schemas", "operators"])
def test_stages_and_schemas_know_nothing_of_ray(room: str) -> None:
    files = list((ROOT / room).rglob("*.py"))
    assert len(files) > 5
    assert [path.name for path in files if imports(path) & {"ray", "jobs", "cluster"}] == []


def room_of(path: Path, deep: bool) -> str:
    """The outermost folder below operators/ that a file lies in, or, `deep`, the innermost; a file that rooms lie
    beside, which brings them together, is one of its own."""
    inner = path.relative_to(ROOT / "operators")
    if not deep:
        return inner.with_suffix("").parts[0]
    return str(inner.with_suffix("") if any(path.parent.glob("*/__init__.py")) else inner.parent)


def rooms(deep: bool = False) -> dict[str, set[str]]:
    """Which rooms of operators/ each room's files import, see `room_of`."""
    graph: dict[str, set[str]] = {}
    for path in (ROOT / "operators").rglob("*.py"):
        own = room_of(path, deep)
        for node in nodes(path):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "operators":
                place = ROOT.joinpath(*node.module.split("."))
                within = [place / alias.name for alias in node.names] if place.is_dir() else [place]
                graph.setdefault(own, set()).update({room_of(file, deep) for file in within} - {own})
    return graph


@pytest.mark.parametrize("deep", [False, True], ids=["rooms", "rooms within rooms"])
def test_the_rooms_of_the_operators_form_no_circle(deep: bool) -> None:
    order = list(TopologicalSorter(rooms(deep)).static_order())  # raises CycleError
    assert {"condition", "gates", "models/people" if deep else "models", "video"} <= set(order)


def test_no_folder_is_so_full_that_nobody_finds_a_file_in_it() -> None:
    full = Counter(path.parent for path in SOURCES if path.name != "__init__.py")
    assert {
        str(folder.relative_to(ROOT)): files for folder, files in full.items() if files > MOST_FILES
    } == {}


def code_lines(function: ast.FunctionDef) -> int:
    """Of a function without its docstring."""
    said = function.body[0] if ast.get_docstring(function) is not None else None
    docstring = (said.end_lineno or said.lineno) - said.lineno + 1 if said else 0
    return (function.end_lineno or function.lineno) - function.lineno + 1 - docstring


def test_a_function_is_a_list_of_steps_that_fits_a_screen() -> None:
    """Of LINES, the docstring apart. Those that are longer are one thing, which steps would only scatter."""
    longer = {
        f"{path.relative_to(ROOT)}:{node.name}"
        for path in SOURCES
        for node in nodes(path)
        if isinstance(node, ast.FunctionDef) and code_lines(node) > LINES
    }
    assert longer == LONGER


def test_a_class_has_its_name_for_itself() -> None:
    places = defaultdict(list)
    for path in SOURCES:
        for node in nodes(path):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(str(path.relative_to(ROOT)))
    assert {name: files for name, files in places.items() if len(files) > 1} == {}


def test_what_is_inside_ray_is_taken_in_one_place() -> None:
    private = re.compile(r"\bray(\.\w+)*\._\w+")
    assert [path.name for path in SOURCES if private.search(path.read_text())] == ["ray_internals.py"]


def test_a_job_loads_nothing_that_models_run_by_unless_it_asks_one_itself() -> None:
    """Torch and scipy's statistics take seconds to import, in the job and in each of its workers; of a job whose
    workers alone ask models, in the job."""
    say = (
        "import sys\n"
        "def loaded(*names): print(*sorted(set(names) & set(sys.modules)))\n"
        "import jobs.plan, jobs.verify, jobs.status, jobs.weights, jobs.export\n"
        "loaded('torch', 'onnxruntime', 'scipy.stats')\n"
        "import jobs.anonymize, jobs.evaluate, jobs.estimate, jobs.follow, jobs.forgetting, jobs.results\n"
        "loaded('torch', 'onnxruntime', 'transformers', 'diffusers')\n"
    )
    done = subprocess.run([sys.executable, "-c", say], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n") == ["", "", ""]


def test_nothing_that_releases_needs_what_trains() -> None:
    needed = {room: inner for room, inner in rooms().items() if room != "training"}
    assert [room for room, inner in needed.items() if "training" in inner] == []
    jobs = ("plan", "anonymize", "verify", "status", "weights", "options")
    files = [ROOT / f"jobs/{job}.py" for job in jobs] + list((ROOT / "cluster").rglob("*.py"))
    assert [path.name for path in files if "operators.training" in path.read_text()] == []


def test_only_audit_makes_a_released_clip() -> None:
    makers = [
        path.name
        for path in SOURCES
        for node in nodes(path)
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "ReleasedClip"
    ]
    assert makers == ["audit.py"]


def test_the_type_checker_lets_nobody_else_make_one(tmp_path: Path) -> None:
    other = tmp_path / f"other_{tmp_path.name}_{os.getpid()}.py"  # mypy's cache knows modules by name
    other.write_text(
        "from schemas.certificate import Certificate\n"
        "from schemas.clip import ClipRef, ReleasedClip\n"
        "def publish(ref: ClipRef, certificate: Certificate) -> ReleasedClip:\n"
        "    return ReleasedClip(ref, b'', b'', certificate, {})\n"
    )
    said, _, status = mypy.api.run(["--config-file", str(ROOT / "pyproject.toml"), str(other)])
    assert status == 1
    assert set(re.findall(r"^(\S+): error:.*(\[.*\])$", said, re.MULTILINE)) == {(f"{other}:4", "[arg-type]")}


def test_the_lock_has_a_hash_for_every_package_and_names_no_index() -> None:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    packages = [index for index, line in enumerate(lines) if re.match(r"[a-z0-9]", line)]
    assert len(packages) > 50
    assert all("==" in lines[index] and "--hash=sha256:" in lines[index + 1] for index in packages)
    assert not [line for line in lines if "://" in line or line.startswith("-")]


def test_the_notice_names_the_licence_of_every_package() -> None:
    locked = re.findall(r"^([a-z0-9._-]+)==", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    notice = (ROOT / "NOTICE").read_text().split("LIBRARIES")[1]
    named = {word.strip("().") for word in re.split(r"[\s,]+", notice)}
    assert sorted(set(locked) - named) == []


def test_the_code_version_counts_every_source_in_every_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("operators/room/deep.py", "schemas/a.py", "cluster/weights_lock.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("one = 1\n")
    monkeypatch.setattr(weights_lock, "__file__", str(tmp_path / "cluster/weights_lock.py"))
    versions = {weights_lock.code_version()}
    (tmp_path / "operators/room/deep.py").write_text("one = 2\n")
    versions.add(weights_lock.code_version())
    (tmp_path / "operators/room/deep.py").rename(tmp_path / "operators/deep.py")
    versions.add(weights_lock.code_version())
    assert len(versions) == 3
    (tmp_path / "operators/training").mkdir()
    (tmp_path / "operators/training/trainer.py").write_text("one = 3\n")
    assert weights_lock.code_version() in versions, "what trains decides about no release"


def test_every_file_that_a_document_names_is_there() -> None:
    """A path from the root, or the name of a test file that is somewhere below tests/."""
    named = re.compile(
        r"`((?:tests|jobs|operators|schemas|cluster|benchmarks|docs|examples)/[\w./-]+|test_\w+\.py)`"
    )
    missing = [
        f"{document.name}: {name}"
        for document in DOCUMENTS
        for name in named.findall(document.read_text())
        if not ((ROOT / name).exists() if "/" in name else list((ROOT / "tests").rglob(name)))
    ]
    assert missing == []


def test_every_link_between_documents_leads_somewhere() -> None:
    """To a file, and to a heading in it where the link names one."""

    def anchors(document: Path) -> set[str]:
        headings = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
        return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}

    broken = []
    for document in DOCUMENTS:
        for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", document.read_text()):
            name, _, anchor = link.partition("#")
            target = (document.parent / name).resolve() if name else document
            if not target.exists() or (anchor and anchor not in anchors(target)):
                broken.append(f"{document.relative_to(ROOT)}: {link}")
    assert broken == []


def test_the_readme_is_short_and_documents_show_blocks_that_ci_can_run() -> None:
    assert len((ROOT / "README.md").read_bytes()) <= 10_000
    languages = {
        language
        for document in DOCUMENTS
        for language in re.findall(r"^```(\w*)$", document.read_text(), re.MULTILINE)
    }
    assert languages == {"", "sh", "python"}


def test_a_usual_change_begins_in_at_most_four_files_and_all_that_it_names_are_there() -> None:
    table = (ROOT / "CONTRIBUTING.md").read_text().split("## Usual changes")[1].split("\n## ")[0]
    rows = [line.split("|")[1:4] for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 10
    for change, begin, follow in rows:
        first, then = (re.findall(r"`([^`]+)`", files) for files in (begin, follow))
        assert 1 <= len(first) <= 4 and then, change
        assert [name for name in first + then if not (ROOT / name).exists()] == []


def test_there_is_one_version() -> None:
    newest = re.findall(r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[0]
    written = [
        path for path in (ROOT / "cluster/deploy").rglob("*") if path.suffix != ".pyc" and path.is_file()
    ]
    files = [ROOT / "README.md", *written]
    tags = {
        tag
        for file in files
        for tag in re.findall(r"registry\.example/recast:(\S+)", file.read_text("utf-8"))
    }
    assert {newest} == tags == {__version__}
