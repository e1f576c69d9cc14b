"""Which part may import which, and what must not load before it is needed."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("arch", "devices", "mapping", "workloads")
HEAVY = (
    "numpy",
    "pydantic",
    "torch",
    "yaml",
    "simpy",
    "numba",
    "rich",
    "tabulate",
    "matplotlib",
    "safetensors",
    "scipy",
    "onnx",
)

# Errors and quantities are vocabulary that every part may use except the two at the bottom.
VOCABULARY = ("pillarsim.arch.errors", "pillarsim.arch.units")
# The network type: its operators, their shapes and what digital operators compute; it imports nothing else of ours.
NETWORK = tuple(
    f"pillarsim.workloads.{name}"
    for name in ("network", "operators", "shapes", "digital", "cell_response", "layer_checks")
)
# (modules that the rule is for, what of ours they may import); the first rule whose prefix matches holds.
RULES: tuple[tuple[str, tuple[str, ...]], ...] = (
    *((name, NETWORK) for name in NETWORK),
    ("pillarsim.devices", ("pillarsim.devices",)),
    ("pillarsim.arch", ("pillarsim.arch", "pillarsim.devices", "pillarsim.configs", *NETWORK)),
    (
        "pillarsim.mapping",
        (
            "pillarsim.mapping",
            "pillarsim.arch.chip",
            "pillarsim.arch.placement",
            "pillarsim.arch.training.placement",
            "pillarsim.arch.digital_work",
            "pillarsim.devices",
            *NETWORK,
            *VOCABULARY,
        ),
    ),
    (
        "pillarsim.workloads",
        ("pillarsim.workloads", "pillarsim.mapping", "pillarsim.arch", "pillarsim.devices"),
    ),
)
# library -> the modules that may import it
HOMES = {
    "simpy": ("pillarsim.arch.simulate", "pillarsim.arch.training"),
    "yaml": ("pillarsim.arch.reader",),
    "tabulate": ("pillarsim.report",),
}


def _module_files() -> Iterator[tuple[str, Path]]:
    """(dotted name, file) of every module of the package, each once."""
    folders = [(f"pillarsim.{name}", ROOT / name) for name in FOLDERS]
    folders += [
        (f"pillarsim.{path.name}", path)
        for path in sorted((ROOT / "pillarsim").iterdir())
        if path.is_dir() and not path.is_symlink()
    ]
    for prefix, folder in folders:
        for file in sorted(folder.rglob("*.py")):
            parts = [part for part in file.relative_to(folder).with_suffix("").parts if part != "__init__"]
            yield ".".join([prefix, *parts]), file
    for file in sorted((ROOT / "pillarsim").glob("*.py")):
        yield f"pillarsim.{file.stem}".removesuffix(".__init__"), file


MODULES = dict(_module_files())


def _imports(name: str, file: Path) -> Iterator[tuple[str, int]]:
    """(dotted name, line) of everything that a module imports, wherever in the file the import stands."""
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"), str(file))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            for alias in node.names:
                # `from package import module` imports a module, `from module import Name` a name
                full = f"{base}.{alias.name}"
                yield (full if full in MODULES or base == "pillarsim" else base), node.lineno


def _within(name: str, allowed: tuple[str, ...]) -> bool:
    return any(name == prefix or name.startswith(prefix + ".") for prefix in allowed)


@pytest.mark.parametrize("name", sorted(MODULES))
def test_dependency_direction(name: str) -> None:
    """No module imports a part of ours that stands above it."""
    allowed = next((allowed for prefix, allowed in RULES if _within(name, (prefix,))), None)
    if allowed is None:
        return  # the command line, the reports and the sweeps may import everything
    wrong = [
        f"{MODULES[name].relative_to(ROOT)}:{line} imports {imported}"
        for imported, line in _imports(name, MODULES[name])
        if _within(imported, ("pillarsim",)) and not _within(imported, (*allowed, "pillarsim.__version__"))
    ]
    assert not wrong, f"{name} may import only {allowed or 'nothing of ours'}: {'; '.join(wrong)}"


@pytest.mark.parametrize("library", sorted(HOMES))
def test_library_stays_at_home(library: str) -> None:
    """simpy stays in the event model, yaml in the one reader, tabulate in the report."""
    wrong = [
        f"{file.relative_to(ROOT)}:{line}"
        for name, file in MODULES.items()
        for imported, line in _imports(name, file)
        if _within(imported, (library,)) and not _within(name, HOMES[library])
    ]
    assert not wrong, f"{library} belongs in {', '.join(HOMES[library])}, not in {', '.join(wrong)}"


def _loaded_by(code: str) -> set[str]:
    """Top-level modules that a fresh interpreter holds after `code`."""
    report = "\nimport sys; print('\\nloaded:', *sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", code + report], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("loaded:")[2].split())


def test_importing_the_package_is_light() -> None:
    """`import pillarsim` loads none of the heavy libraries, and dir() shows the public names."""
    assert not _loaded_by("import pillarsim; assert set(pillarsim.__all__) <= set(dir(pillarsim))") & set(HEAVY)


def test_public_names_exist() -> None:
    """Every name of `pillarsim.__all__` can be loaded."""
    import pillarsim

    for name in pillarsim.__all__:
        assert getattr(pillarsim, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = pillarsim.no_such_name


def test_help_is_light() -> None:
    """`python -m pillarsim --help` answers without loading what only a command needs."""
    code = """
import runpy, sys
sys.argv = ["pillarsim", "--help"]
try:
    runpy.run_module("pillarsim", run_name="__main__")
except SystemExit as leaving:
    assert not leaving.code, leaving.code
"""
    loaded = _loaded_by(code)
    assert not loaded & set(HEAVY), f"--help loads {sorted(loaded & set(HEAVY))}"
