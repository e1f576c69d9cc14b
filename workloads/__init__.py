"""Networks, datasets, software training and the weights shipped with the package.

The names of `__all__` load on first use, so that importing one light module does not bring in torch.
"""

from importlib import import_module

# Public name -> the module that defines it.
_PUBLIC: dict[str, str] = {
    "CellLaw": "network",
    "CellResponse": "network",
    "Dataset": "datasets",
    "Network": "network",
    "NetworkError": "network",
    "TrainingOptions": "train",
    "load_arrays": "datasets",
    "load_dataset": "datasets",
    "load_network": "load",
    "train_software": "train",
    "with_cells": "in_loop",
    "workload_names": "topology",
}

__all__ = list(_PUBLIC)


def __getattr__(name: str) -> object:
    """Load a public name from the module that defines it."""
    if name not in _PUBLIC:
        raise AttributeError(f"module '{__name__}' has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PUBLIC[name]}"), name)
