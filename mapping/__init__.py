"""The compiler: fold, quantise, partition, place; and the law of a chip's cells, for training with them."""

from pillarsim.mapping.cell_law import cell_law
from pillarsim.mapping.compile import compile_network

__all__ = ["cell_law", "compile_network"]
