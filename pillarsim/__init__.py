"""pillarsim: a discrete-event architecture simulator for neuromorphic chips built from RRAM crossbars.

Importing this package is light: no numpy, torch or pydantic. The public names are loaded when first used.
"""

from importlib import import_module

__version__ = "0.1.0"

# Public name -> the module that defines it; loaded on first use so that `import pillarsim` stays light.
_PUBLIC: dict[str, str] = {
    "Chip": "pillarsim.arch.chip",
    "InputError": "pillarsim.arch.errors",
    "Network": "pillarsim.workloads.network",
    "RunOptions": "pillarsim.job",
    "Samples": "pillarsim.samples",
    "TrainOptions": "pillarsim.training.options",
    "build_components": "pillarsim.arch.components.build",
    "compile_network": "pillarsim.mapping",
    "import_network": "pillarsim.workloads.importer",
    "load_card": "pillarsim.arch.chip.load",
    "load_chip": "pillarsim.arch.chip.load",
    "load_dataset": "pillarsim.workloads.datasets",
    "load_device": "pillarsim.arch.device",
    "load_network": "pillarsim.workloads.load",
    "run": "pillarsim.job",
    "simulate": "pillarsim.arch.simulate",
    "train": "pillarsim.training.job",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> object:
    """Load a public name from the module that defines it."""
    try:
        module = _PUBLIC[name]
    except KeyError:
        raise AttributeError(f"module 'pillarsim' has no attribute {name!r}") from None
    return getattr(import_module(module), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})
