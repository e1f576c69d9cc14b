"""The public surface: every promised name loads, and none appears unannounced."""

import pillarsim


def test_public_names_load() -> None:
    """Each name of __all__ is there, and the list is what is promised."""
    assert set(pillarsim.__all__) == {
        "Chip",
        "InputError",
        "Network",
        "RunOptions",
        "Samples",
        "TrainOptions",
        "__version__",
        "build_components",
        "compile_network",
        "import_network",
        "load_card",
        "load_chip",
        "load_dataset",
        "load_device",
        "load_network",
        "run",
        "simulate",
        "train",
    }
    assert all(getattr(pillarsim, name) is not None for name in pillarsim.__all__)
