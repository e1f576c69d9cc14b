"""The layout that makes `pillarsim.arch` and its neighbours importable: symlinks beside the package."""

from pathlib import Path

import pytest

FOLDERS = ("arch", "configs", "devices", "mapping", "workloads")


@pytest.mark.parametrize("folder", FOLDERS)
def test_package_links_to_the_folder(root: Path, folder: str) -> None:
    """pillarsim/<folder> is a relative symlink to ../<folder>, as stored in git."""
    link = root / "pillarsim" / folder
    assert link.is_symlink(), (
        f"pillarsim/{folder} is not a symlink: the checkout or the copy lost it. On Windows clone with "
        f"`git clone -c core.symlinks=true`; when copying use `cp -a`; or mend it with "
        f"`git checkout -- pillarsim/{folder}`."
    )
    target = link.readlink()
    assert target == Path("..") / folder, f"pillarsim/{folder} points to {target}, expected ../{folder}"
    assert (link / "__init__.py").is_file(), f"{folder}/__init__.py is missing: the folder would not be installed"


@pytest.mark.parametrize("folder", FOLDERS)
def test_folders_are_imported_through_the_package(folder: str) -> None:
    """`pillarsim.<folder>` is the package in this checkout, not one installed elsewhere."""
    import importlib

    module = importlib.import_module(f"pillarsim.{folder}")
    assert module.__file__ is not None
    here = Path(__file__).resolve().parent.parent / folder / "__init__.py"
    assert Path(module.__file__).resolve() == here, (
        f"pillarsim.{folder} comes from {module.__file__}: install this checkout with `pip install -e .`"
    )


def test_version_stands_in_the_changelog_or_is_unreleased(root: Path) -> None:
    """The changelog has a section for the version, or one that collects unreleased changes."""
    from pillarsim import __version__

    text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{__version__}]" in text or "## [Unreleased]" in text
