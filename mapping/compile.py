"""The compiler: Network + chip sections -> Placement.

lower (fold, fuse) -> quantise -> split over arrays and slices -> choose copies -> place on tiles (in parts, where the
chip is reprogrammed between them).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.chip import Array, Input, Mapping, Tile, Weights
from pillarsim.arch.errors import InputError, nearest
from pillarsim.arch.placement import INPUT, Codes, PlacedLayer, Placement, Stage
from pillarsim.mapping.cell_law import check_responses
from pillarsim.mapping.circuits import Circuits
from pillarsim.mapping.fit import Coding, Replicated, array_shape, check_fit
from pillarsim.mapping.lower import Lowered, Node, lower
from pillarsim.mapping.matrix import Matrix
from pillarsim.mapping.partition import group_ranges, outputs_held, row_blocks
from pillarsim.mapping.parts import cut
from pillarsim.mapping.place import Site
from pillarsim.mapping.quantize import Coded, group_matrix, is_sign, quantize
from pillarsim.mapping.replicas import place_balanced, place_copies
from pillarsim.workloads.network import Network, parameters

__all__ = ["compile_network"]


def compile_network(
    network: Network,
    calibration: NDArray[np.float32],
    *,
    array: Array,
    tile: Tile,
    weights: Weights,
    bits_per_cell: int,
    inputs: Input,
    mapping: Mapping,
    circuits: Circuits | None = None,
) -> Placement:
    """Compile `network` for the chip, with scales from float `calibration` images (N, *input_shape).

    circuits: times and widths of the chip's circuits; None: times count reads, and buffers do not limit a tile.
    Raises FitError when arrays or buffers are missing (it says how many, and which settings would make the network
    fit) and InputError for operators that no chip can compute, an unknown layer in `mapping.replicas`, or layers whose
    response is not what the chip's cells compute (`mapping.cell_law`).
    """
    try:
        lowered = lower(network)
    except InputError as error:
        raise InputError(f"workload {network.name!r}: {error}") from None
    matrices = [matrix for _, matrix in lowered.matrices]
    check_responses(matrices, array, weights, bits_per_cell, inputs)
    _check_choices(mapping, matrices, array)
    coding = Coding(-(-weights.magnitude_bits // bits_per_cell), weights.polarities)
    if not mapping.reload and not mapping.share_arrays:
        parts = [Replicated(matrix, mapping.replicas_of(matrix.name)) for matrix in matrices]
        check_fit(parts, array, tile, weights, bits_per_cell)
    draft = _draft(network, lowered, calibration, array, weights, coding, inputs, tile.count.total)
    site = Site.of(array, tile, Circuits() if circuits is None else circuits, mapping)
    place = partial(place_balanced if mapping.balanced else place_copies, site=site)
    found = cut(draft, place) if mapping.reload else place(draft)
    return replace(found, digest=_digest(found))


def _draft(
    network: Network,
    lowered: Lowered,
    calibration: NDArray[np.float32],
    array: Array,
    weights: Weights,
    coding: Coding,
    inputs: Input,
    tiles: int,
) -> Placement:
    """The quantised network, split over arrays that have no places yet."""
    codes, coded = quantize(lowered, calibration, activation_bits=inputs.bits, percentile=inputs.calibration_percentile)
    shape = array_shape(array)
    layers: list[PlacedLayer] = []
    stages: list[Stage] = []
    for node, own in zip(lowered.nodes, coded, strict=True):
        numbers: tuple[int, ...] = ()
        if node.matrix is not None:
            incoming = _incoming(node, codes, coded)
            ranges = _ranges(node.matrix, coding, array)
            quantized = group_matrix(
                node.matrix, ranges, incoming, own.codes,
                bits=weights.bits, per_channel=weights.quantization == "channel",
                steep=own.codes is not None and bool(node.post) and is_sign(node.post[0]),
            )  # fmt: skip
            each = node.matrix.in_map[0] // node.matrix.groups
            numbers = tuple(range(len(layers), len(layers) + len(ranges)))
            layers += [
                PlacedLayer(
                    name=node.name if len(ranges) == 1 else f"{node.name}.{place}",
                    matrix=matrix,
                    slices=coding.slices,
                    polarities=coding.polarities,
                    row_blocks=row_blocks(len(matrix.weight), shape),
                    replicas=(),
                    chunks=incoming.reads(inputs.chunk_bits),
                    channels=(first * each, last * each),
                )
                for place, ((first, last), matrix) in enumerate(zip(ranges, quantized, strict=True))
            ]
        stages.append(_stage(node, own, numbers))
    stream = lowered.input.stream
    return Placement(network.name, codes, network.input_shape, stream, tuple(layers), tuple(stages), tiles)


def _ranges(matrix: Matrix, coding: Coding, array: Array) -> tuple[tuple[int, int], ...]:
    shape = array_shape(array)
    held = outputs_held(coding.slices, coding.polarities, shape)
    return group_ranges(matrix.groups, matrix.rows, matrix.outputs // matrix.groups, held, shape)


def _incoming(node: Node, codes: Codes, coded: Sequence[Coded]) -> Codes:
    """Codes that a matrix takes: a node before the last one always has some."""
    source = node.edges[0].source
    found = codes if source == INPUT else coded[source].output
    assert found is not None
    return found


def _stage(node: Node, own: Coded, numbers: tuple[int, ...]) -> Stage:
    return Stage(
        name=node.name,
        inputs=node.edges,
        layers=numbers,
        operator=node.operator,
        constants=node.constants,
        codes=own.codes,
        post=own.post,
        shape=node.output.shape,
        stream=node.output.stream,
        result=node.result.shape,
        before=node.result.stream,
        tokens=node.matrix is not None and node.matrix.tokens,
    )


def _check_choices(mapping: Mapping, matrices: Sequence[Matrix], array: Array) -> None:
    names = [matrix.name for matrix in matrices]
    for name in mapping.replicas if isinstance(mapping.replicas, dict) else ():
        if name not in names:
            listed = ", ".join(names)
            raise InputError(f"mapping.replicas.{name}: expected a matrix layer ({listed}){nearest(name, names)}")
    if mapping.share_arrays and array.circuit == "exact":
        raise InputError(
            "mapping.share_arrays: expected false with array.circuit 'exact', which solves arrays of one layer each"
        )


def _digest(placement: Placement) -> str:
    hasher = hashlib.sha256(repr((placement.input, placement.parts)).encode())
    for layer in placement.layers:
        matrix = layer.matrix
        plain = (layer.name, layer.channels, layer.slices, layer.polarities, layer.row_blocks, layer.replicas)
        geometry = (matrix.stride, matrix.padding, matrix.dilation, matrix.in_shape, matrix.kernel)
        hasher.update(repr((plain, matrix.input, matrix.output, geometry)).encode())
        response = matrix.response
        tables = () if response is None else (response.inputs, response.weights)
        for values in (matrix.weight, matrix.bias, matrix.multiplier, *tables):
            hasher.update(np.ascontiguousarray(values).data)
    for stage in placement.stages:
        operators = [view for edge in stage.inputs for view in edge.views] + [post.operator for post in stage.post]
        operators += [] if stage.operator is None else [stage.operator]
        operators += [constant for _, constant in stage.constants]
        wires = [(edge.source, edge.shape, edge.access) for edge in stage.inputs]
        hasher.update(repr((stage.name, wires, stage.layers, stage.output, stage.shape, stage.home)).encode())
        for operator in operators:
            arrays = parameters(operator)
            plain_keys = {key: value for key, value in vars(operator).items() if key not in arrays}
            hasher.update(repr((type(operator).__name__, plain_keys)).encode())
            for values in arrays.values():
                hasher.update(np.ascontiguousarray(values).data)
    return hasher.hexdigest()
