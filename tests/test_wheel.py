"""The built wheel runs the main job in an empty folder, with what it ships and nothing from the checkout."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def _run(command: list[str], cwd: Path, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def site(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the wheel of this checkout is installed, without its dependencies."""
    pytest.importorskip("setuptools", "77", reason="building the wheel needs setuptools >= 77 in the environment")
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    source = _copy_of_sources(root, folder / "source")
    wheels, target = folder / "wheels", folder / "site"
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(wheels), str(source)]
    _run(build, folder)
    (wheel,) = wheels.glob("pillarsim-*.whl")
    _run([*pip, "install", "--no-deps", "--no-index", "--target", str(target), str(wheel)], folder)
    return target


def _copy_of_sources(root: Path, target: Path) -> Path:
    """What the build reads, copied with its symlinks, so that building leaves nothing in the checkout."""
    import shutil

    target.mkdir()
    for folder in ("arch", "configs", "devices", "mapping", "workloads", "pillarsim"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(root / folder, target / folder, symlinks=True, ignore=ignored)
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / file, target / file)
    return target


def _environment(site: Path) -> dict[str, str]:
    """The present environment with the installed wheel in front of the editable install."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PILLARSIM", "PYTHON"))}
    return {**kept, "PYTHONPATH": str(site)}


def test_wheel_holds_code_data_and_licence(site: Path) -> None:
    """Every sub-package, the presets, the networks and the images are in the wheel."""
    package = site / "pillarsim"
    for name in ("arch", "cli", "devices", "mapping", "report", "workloads", "configs"):
        assert (package / name / "__init__.py").is_file(), f"pillarsim/{name} is missing from the wheel"
    assert (package / "py.typed").is_file()
    assert (package / "configs" / "hfox_planar_128.yaml").is_file()
    assert list((package / "workloads" / "zoo").glob("*.safetensors"))
    assert list((package / "workloads" / "data" / "mnist").glob("*.gz"))
    assert not (site / "arch").exists(), "a top-level package 'arch' would collide with others"
    assert list(site.glob("pillarsim-*.dist-info/licenses/LICENSE"))


def test_wheel_holds_every_file_of_the_checkout(site: Path, root: Path) -> None:
    """No module, preset or data file of the folders is left out of the wheel."""
    suffixes = {".py", ".yaml", ".safetensors", ".gz"}
    missing = [
        str(file.relative_to(root))
        for folder in ("arch", "configs", "devices", "mapping", "workloads")
        for file in sorted((root / folder).rglob("*"))
        if file.suffix in suffixes and not (site / "pillarsim" / file.relative_to(root)).is_file()
    ]
    assert not missing


def test_wheel_runs_in_an_empty_folder(site: Path, tmp_path: Path) -> None:
    """`python -m pillarsim run` works there and reports an accuracy of the chip."""
    environment = _environment(site)
    where = _run([sys.executable, "-c", "import pillarsim; print(pillarsim.__file__)"], tmp_path, environment)
    assert Path(where.strip()).is_relative_to(site), f"the test would run {where.strip()}, not the wheel"
    options = ["--samples", "50", "--seeds", "1", "--images", "2", "--json", "out.json"]
    _run([sys.executable, "-m", "pillarsim", "run", *options], tmp_path, environment)
    report = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert 0 <= report["accuracy"]["chip_mean"] <= 1
