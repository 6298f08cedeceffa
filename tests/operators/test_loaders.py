"""Whatever loads weights is given what was vouched for, and reads no pickle: by reading the sources."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = [path for room in ("operators", "jobs", "cluster", "schemas") for path in (ROOT / room).rglob("*.py")]
RELEASING = [
    path
    for path in ROOMS
    if not str(path.relative_to(ROOT)).startswith(("operators/training/", "jobs/train_", "jobs/convert_cues"))
]
LOADERS = {
    "YOLO",
    "InferenceSession",
    "readNetFromONNX",
    "readNet",
    "load_file",
    "from_pretrained",
    "safe_open",
}


@cache
def calls(path: Path) -> list[tuple[str, ast.Call, str]]:
    """Function, call and the name of what is called, wherever in a file."""
    found = []
    for function in ast.walk(ast.parse(path.read_text())):
        if isinstance(function, ast.FunctionDef):
            source = ast.unparse(function)
            inside = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
            found += [(source, node, ast.unparse(node.func)) for node in inside]
    return found


def test_torch_loads_weights_only() -> None:
    found = [
        (str(path.relative_to(ROOT)), call)
        for path in ROOMS
        for _, call, name in calls(path)
        if name in ("torch.load", "load") and "torch.load" in ast.unparse(call)
    ]
    assert found
    for file, call in found:
        options = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        assert options.get("weights_only") == "True", file


def test_every_loader_of_what_releases_is_given_what_was_vouched_for() -> None:
    found = [
        (str(path.relative_to(ROOT)), source, call)
        for path in RELEASING
        for source, call, name in calls(path)
        if name.split(".")[-1] in LOADERS
    ]
    assert len(found) >= 10
    for file, source, call in found:
        given = ast.unparse(call.args[0])
        names = [node.id for node in ast.walk(call.args[0]) if isinstance(node, ast.Name)]
        assigned = [
            line.split("=")[0] for line in source.splitlines() if " = " in line and "vouched(" in line
        ]
        vouched_name = any(name in before for name in names for before in assigned)
        assert "vouched(" in given or vouched_name, f"{file}: {ast.unparse(call)}"


def test_models_in_folders_are_read_as_safetensors() -> None:
    for path in ROOMS:
        for _, call, name in calls(path):
            if name.endswith("from_pretrained") and path.name != "loading.py":
                options = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
                assert options.get("use_safetensors") == "True", f"{path}: {ast.unparse(call)}"


def test_nothing_else_unpickles() -> None:
    for path in ROOMS:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {"pickle", "dill", "cloudpickle", "joblib", "shelve"} & set(names), path
            if isinstance(node, ast.keyword):
                assert node.arg != "allow_pickle" or ast.unparse(node.value) == "False", path
