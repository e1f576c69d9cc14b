"""The compiler: fold, quantise, partition, place."""

from pillarsim.mapping.compile import compile_network

__all__ = ["compile_network"]
