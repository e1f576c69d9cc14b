"""Any trained network by name or file: shipped, a topology file, ONNX or a torch.export program."""

from pathlib import Path

from pillarsim.workloads.importer import SUFFIXES, WEIGHTS_ALONE, import_network
from pillarsim.workloads.network import Network

__all__ = ["load_network"]


def load_network(source: str | Path, *, seed: int = 0, data_dir: Path | None = None) -> Network:
    """The network of a shipped name, of a topology file (.yaml), or of a model file (.onnx, .pt2).

    seed, data_dir: as `topology.load_network` takes them, for networks without trained parameters in the package.
    Raises InputError as `topology.load_network` and `importer.import_network` do.
    """
    if Path(source).suffix.lower() in (*SUFFIXES, *WEIGHTS_ALONE):
        return import_network(Path(source))
    from pillarsim.workloads.topology import load_network as load_topology

    return load_topology(source, seed=seed, data_dir=data_dir)
