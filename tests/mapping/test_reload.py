"""Networks larger than the chip: cut where one tensor crosses, programmed part by part, everything charged."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.compute.integer import integer_forward
from pillarsim.arch.errors import FitError
from pillarsim.arch.placement import INPUT, Placement
from pillarsim.job import RunOptions, run, run_results
from pillarsim.mapping.parts import cuts, parted
from pillarsim.report.reload import reload_lines
from pillarsim.workloads.network import Network
from tests.mapping.chips import SMALL, compiled
from tests.mapping.networks import NETWORKS, conv, network
from tests.near import near

TIGHT = ("mapping.reload=true", "tile.count={x: 2, y: 1}", "tile.arrays=10")
DEEP = network((3, 8, 8), conv("a", 6, 3), conv("b", 6, 6), conv("c", 6, 6), conv("d", 6, 6), conv("e", 3, 6))


def names(placement: Placement) -> list[str]:
    return [stage.name for stage in placement.stages]


def test_cuts_lie_where_one_tensor_crosses() -> None:
    """Not inside a residual block, nor between the branches of a concat; not behind the last matrix."""
    residual = compiled(NETWORKS["residual"])
    assert names(residual) == ["stem", "a", "b", "add", "fc"]
    assert cuts(residual) == [1, 4, 5]
    branches = compiled(NETWORKS["branches"])
    assert names(branches) == ["n", "left", "deep", "cat", "squeeze", "excite", "scaled", "last", "fc"]
    assert cuts(branches) == [1, 4, 7, 8, 9]
    assert cuts(compiled(DEEP)) == [1, 2, 3, 4, 5]


def test_parts_fill_the_chip_one_after_another() -> None:
    """Each part fits the chip by itself, from the first tile on; no longer part would; all stages are in one part."""
    whole, placement = compiled(DEEP), compiled(DEEP, *TIGHT)
    assert whole.arrays == placement.arrays > 20
    parts = parted(placement)
    assert [name for part in parts for name in names(part)] == names(whole)
    assert all(part.arrays <= 20 for part in parts)
    for part, following in pairwise(parts):
        assert part.arrays + following.layers[0].arrays > 20
        assert following.input == part.stages[-1].output
        assert following.input_stream == part.stages[-1].stream
        assert [edge.source for edge in following.stages[0].inputs] == [INPUT]
    for part in parts:
        used = Counter((array.tile, array.slot) for layer in part.layers for one in layer.replicas for array in one)
        assert max(used.values()) == 1
        assert min(used) == (0, 0)


def test_every_part_has_a_matrix() -> None:
    """An operator in front goes with the first matrix behind it, even where it could be cut off."""
    with pytest.raises(FitError, match=r"mapping\.reload: stages 'n' to 'cat' do not fit"):
        compiled(NETWORKS["branches"], "mapping.reload=true", "tile.count={x: 1, y: 1}", "tile.arrays=2")


def test_values_do_not_depend_on_parts() -> None:
    """The same codes with and without reprogramming, and part after part."""
    whole, placement = compiled(DEEP), compiled(DEEP, *TIGHT)
    images = np.random.default_rng(5).normal(size=(4, *DEEP.input_shape)).astype(np.float32)
    np.testing.assert_array_equal(integer_forward(whole, images), integer_forward(placement, images))


def test_a_network_that_fits_is_not_cut() -> None:
    """With room for all, `reload` changes nothing."""
    assert compiled(DEEP, "mapping.reload=true").parts == (0,)
    assert compiled(DEEP, "mapping.reload=true").layers[0].replicas == compiled(DEEP).layers[0].replicas


def test_what_cannot_be_cut_is_named() -> None:
    """A residual block that needs more than the chip, and a single layer that does."""
    with pytest.raises(FitError, match=r"mapping\.reload: stages 'a' to 'add' do not fit .*crossed by a single tensor"):
        compiled(NETWORKS["residual"], "mapping.reload=true", "tile.count={x: 1, y: 1}", "tile.arrays=5")
    with pytest.raises(FitError, match=r"mapping\.reload: stage 'b' does not fit the chip at once: .*1 missing"):
        compiled(DEEP, "mapping.reload=true", "tile.count={x: 1, y: 1}", "tile.arrays=5")


def test_balanced_parts_use_the_chip_anew() -> None:
    """Each part has copies of its own within the chip's arrays."""
    placement = compiled(DEEP, *TIGHT, "mapping.replicas=balanced")
    parts = parted(placement)
    assert len(parts) > 1
    assert all(part.arrays <= 20 for part in parts)
    assert max(len(layer.replicas) for layer in placement.layers) > 1


def report(net: Network, images: int, *sets: str) -> dict[str, Any]:
    loaded = load_chip("hfox_planar_128", (*SMALL, *sets))
    return run(loaded, net, RunOptions(samples=0, images=images))


def test_time_and_energy_of_every_part_are_charged() -> None:
    """Batch = programming + runs of all parts; energy has every pulse; per image they are shares of the batch."""
    images = 3
    loaded = load_chip("hfox_planar_128", (*SMALL, *TIGHT))
    results = run_results(loaded, DEEP, RunOptions(samples=0, images=images))
    found = report(DEEP, images, *TIGHT)
    section = found["reload"]
    assert section["images_a_batch"] == images
    assert len(section["parts"]) == len(results.placement.parts) > 1
    programming_s = sum(part["programming_s"] for part in section["parts"])
    assert section["batch_s"] == near(programming_s + sum(part["run_s"] for part in section["parts"]))
    assert found["programming"]["time_s"] == near(programming_s)
    assert section["programming_share"] == near(programming_s / section["batch_s"])
    assert found["latency_s"]["per_image_steady"] == near(section["batch_s"] / images)
    assert found["span_s"] == near(section["batch_s"])
    last = section["parts"][-1]
    assert section["batch_s"] - last["run_s"] < found["latency_s"]["first_result"] < section["batch_s"]
    energy = found["energy_j"]
    assert energy["by_component"]["programming"] * images == near(found["programming"]["energy_j"])
    assert section["programming_j"] == near(sum(part["programming_j"] for part in section["parts"]))
    assert section["programming_j"] == near(found["programming"]["energy_j"])
    share = energy["by_component"]["programming"] / energy["per_image"]
    assert section["programming_energy_share"] == near(share)
    # every cell of the network is written once a batch
    assert found["programming"]["cells"] == sum(layer.cells for layer in results.placement.layers)
    assert found["mapping"]["cells"] == found["programming"]["cells"]
    assert found["mapping"]["parts"] == len(section["parts"])


def test_a_batch_does_the_work_of_the_whole_network() -> None:
    """Reads and conversions are those of a chip that holds everything; more leaves the chip and comes back."""
    whole = run_results(load_chip("hfox_planar_128", SMALL), DEEP, RunOptions(samples=0, images=2)).trace
    parts = run_results(load_chip("hfox_planar_128", (*SMALL, *TIGHT)), DEEP, RunOptions(samples=0, images=2)).trace
    for role, action in (("array", "read"), ("converter", "convert"), ("adder", "add")):
        counts = [
            {layer: n for (r, a, layer), n in trace.ledger.counts.items() if (r, a) == (role, action)}
            for trace in (whole, parts)
        ]
        assert counts[0] == counts[1] != {}
    bits = [sum(n for (r, _, _), n in trace.ledger.counts.items() if r == "off_chip") for trace in (whole, parts)]
    assert bits[1] > bits[0]
    assert [layer.name for layer in parts.layers] == [layer.name for layer in whole.layers]
    assert parts.span_ps == max(parts.finished_ps)
    for state in parts.states:
        assert state.active_ps + state.idle_ps + state.gated_ps == state.units * parts.span_ps


def test_larger_batches_share_the_programming() -> None:
    """The same programming for more images: less time and energy an image."""
    small, large = (report(DEEP, images, *TIGHT) for images in (1, 8))
    assert large["programming"] == small["programming"]
    assert large["latency_s"]["per_image_steady"] < small["latency_s"]["per_image_steady"]
    assert large["energy_j"]["per_image"] < small["energy_j"]["per_image"]


def test_endurance_counts_the_loads_of_an_array() -> None:
    """The first arrays are written once for each part; batches until the card's cycles are used up, those done off."""
    section = report(DEEP, 2, *TIGHT, "array.cell.endurance={cycles: 1e6, exponent: 1}", "array.cycles=1000")["reload"]
    assert section["writes_a_batch"] == len(section["parts"])
    assert section["endurance_cycles"] == 1e6
    assert section["batches_until_endurance"] == math.floor((1e6 - 1000) / len(section["parts"]))
    assert section["images_until_endurance"] == 2 * section["batches_until_endurance"]
    assert [name for name, _ in reload_lines(section)] == ["parts", "reload", "endurance"]
    plain = report(DEEP, 2, *TIGHT)["reload"]
    assert plain["endurance_cycles"] is plain["batches_until_endurance"] is None
    assert [name for name, _ in reload_lines(plain)] == ["parts", "reload"]


def test_erasing_must_be_stated() -> None:
    """Without an erase pulse a warning says what is not charged; with one its pulses are."""
    bare = report(DEEP, 2, *TIGHT, "write.reset=null")
    assert any("write.reset states no erase pulse" in text for text in bare["warnings"])
    erased = report(DEEP, 2, *TIGHT, "write.reset={voltage: 2 V, pulse: 50 ns}")
    assert not any("erase pulse" in text for text in erased["warnings"])
    assert erased["programming"]["time_s"] > bare["programming"]["time_s"]
    assert erased["reload"]["batch_s"] > bare["reload"]["batch_s"]


def test_without_parts_there_is_no_section() -> None:
    """A network on the chip as a whole is programmed before the run, which does not pay for it."""
    found = report(NETWORKS["residual"], 2, "mapping.reload=true")
    assert found["reload"] is None
    assert "programming" not in found["energy_j"]["by_component"]
    assert reload_lines(None) == []
