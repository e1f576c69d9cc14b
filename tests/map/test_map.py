"""Closed forms of a map against the event model, traffic, tiles, and the readings of vertical arrays."""

from __future__ import annotations

from typing import Any

import pytest

from pillarsim.arch.chip.load import load_chip
from pillarsim.arch.components.build import build_components
from pillarsim.arch.components.timing import build_timing
from pillarsim.arch.simulate import simulate
from pillarsim.arch.timing import PS
from pillarsim.compiled import compile_for
from pillarsim.job import RunOptions, run
from pillarsim.map import map_record
from pillarsim.map.plot import draw
from pillarsim.map.vertical import reading_rows
from pillarsim.report.map import render_map
from pillarsim.samples import choose_samples
from pillarsim.workloads.network import Network
from tests.mapping.chips import SMALL
from tests.mapping.networks import NETWORKS, conv, network
from tests.near import near

LAYERS = network((4, 10, 10), conv("a", 8, 4), conv("b", 8, 8), conv("c", 4, 8))


def record(net: Network, *sets: str) -> dict[str, Any]:
    return map_record(load_chip("hfox_planar_128", (*SMALL, *sets)), net)


IMAGES = 12


def times_s(net: Network, *sets: str) -> tuple[float, float]:
    """(all images, an image once the pipeline is full) in the event model."""
    loaded = load_chip("hfox_planar_128", (*SMALL, *sets))
    report = run(loaded, net, RunOptions(samples=0, images=IMAGES))
    return report["span_s"], report["latency_s"]["per_image_steady"]


@pytest.mark.parametrize(
    ("sets", "what", "slack"),
    [
        # the slowest layer sets the pace
        ((), "arrays", 0.02),
        (("mapping.replicas=2",), "arrays", 0.05),
        (("mapping.replicas={a: 3}",), "arrays", 0.02),
        (("readout.sample_hold=null",), "arrays", 0.02),
        # parts that copies of layers share
        (("tile.buffer.width=1",), "buffer", 0.25),
        (("mapping.replicas=60", "tile.arrays=1500", "tile.buffer.width=4096", "tile.bus.width=4096"), "adder", 0.25),
        (("off_chip.bandwidth=0.01 GB/s",), "off_chip", 0.05),
    ],
)
def test_the_event_model_is_never_faster(sets: tuple[str, ...], what: str, slack: float) -> None:
    """No part works longer than the run; the busiest one sets the pace, or nearly so."""
    found = record(LAYERS, *sets)
    assert found["bottleneck"]["what"] == what
    span, steady = times_s(LAYERS, *sets)
    assert span >= IMAGES * found["time_per_image_s"]
    assert steady <= found["time_per_image_s"] * (1 + slack)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("replicas", ["1", "balanced"])
def test_every_network_is_bounded(name: str, replicas: str) -> None:
    """The same of networks with branches, operators and balanced copies."""
    sets = (f"mapping.replicas={replicas}",)
    span, _ = times_s(NETWORKS[name], *sets)
    assert span >= IMAGES * record(NETWORKS[name], *sets)["time_per_image_s"]


def test_the_map_is_that_of_the_run() -> None:
    """The same placement as a run compiles, to the digest; layers and tiles add up to it."""
    sets = ("mapping.replicas=2", "mapping.share_arrays=true", "array.rows=64", "array.columns=64")
    found = record(NETWORKS["residual"], *sets)
    chip = load_chip("hfox_planar_128", (*SMALL, *sets)).chip
    timing = build_timing(chip.hardware, build_components(chip.hardware), chip.idle)
    calibration, _ = choose_samples(NETWORKS["residual"], chip.mapping.calibration_samples, 0, None, 0, None)
    placement = compile_for(chip, NETWORKS["residual"], calibration.inputs, timing)
    assert found["placement"]["digest"] == placement.digest
    assert found["arrays"]["used"] == placement.arrays
    assert sum(layer["arrays"] for layer in found["layers"]) == near(placement.arrays)
    assert sum(tile["arrays"] for tile in found["floor"][0]) == placement.arrays
    assert found["tiles"]["used"] == len([tile for tile in found["floor"][0] if tile["arrays"]])
    assert all(0 < tile["buffer_needed"] <= 1 for tile in found["floor"][0])
    assert found["arrays"]["shared"] > 0


def test_layer_times_are_those_of_the_event_model() -> None:
    """Windows x time of a window over the copies is what the event model finds its arrays busy."""
    sets = ("mapping.replicas={b: 2}", "readout.sample_hold=null")  # converters hold the arrays
    loaded = load_chip("hfox_planar_128", (*SMALL, *sets))
    report = run(loaded, LAYERS, RunOptions(samples=0, images=12))
    for mapped, ran in zip(record(LAYERS, *sets)["layers"], report["mapping"]["layers"], strict=True):
        assert mapped["name"] == ran["name"]
        assert ran["time_per_image_s"] == near(mapped["time_per_image_s"])
        assert mapped["arrays"] == ran["arrays"]


def test_traffic_against_random_places() -> None:
    """`traffic` carries the same bytes over fewer hops than the snake, and far fewer than at random."""
    net = network((3, 8, 8), conv("stem", 8, 3), *(conv(f"c{number}", 8, 8) for number in range(20)))
    snake, traffic = (
        record(net, "tile.arrays=3", f"mapping.placement={order}")["traffic"] for order in ("snake", "traffic")
    )
    assert traffic["hop_bytes_per_image"] < snake["hop_bytes_per_image"]
    assert traffic["against_random"] == traffic["hop_bytes_per_image"] / traffic["random_hop_bytes_per_image"] < 0.5


def test_a_map_of_parts() -> None:
    """Parts one after another: their times add up, arrays count what is there at once."""
    found = record(LAYERS, "mapping.reload=true", "tile.count={x: 1, y: 1}", "tile.arrays=12")
    assert len(found["parts"]) > 1
    assert found["arrays"]["used"] == sum(part["arrays"] for part in found["parts"])
    assert found["arrays"]["most_at_once"] == max(part["arrays"] for part in found["parts"]) <= 12
    assert found["time_per_image_s"] > found["bottleneck"]["time_per_image_s"]
    assert "programmed in turn" in render_map(found)
    pytest.importorskip("matplotlib")
    titles = [axes.get_title() for axes in draw(found).axes if axes.get_title()]
    assert len(titles) == len(found["parts"])


VRRAM = ("array.layers=4", "array.rows=8", "array.columns=8")


def test_readings_side_by_side() -> None:
    """Finger arrays: layer-serial takes a read a layer, with the current of one layer each; all solved."""
    chip = load_chip("vrram_finger_8layer", (*VRRAM, "array.max_active_rows=null")).chip
    parallel, serial = reading_rows(chip, arrays=5)
    assert (parallel["reading"], parallel["chosen"]) == ("layer_parallel", True)
    assert (serial["reading"], serial["chosen"]) == ("layer_serial", False)
    assert (parallel["inputs_a_read"], serial["inputs_a_read"]) == (32, 8)
    assert (parallel["reads_a_chunk"], serial["reads_a_chunk"]) == (1, 4)
    assert serial["window_s"] == near(4 * parallel["window_s"])
    assert serial["array_current_a"] == pytest.approx(parallel["array_current_a"] / 4, rel=0.02)
    for row in (parallel, serial):
        low, high = chip.array.conductance_range
        ideal_a = chip.array.read_voltage * (low + high) / 2 * row["inputs_a_read"] * 8
        assert row["solved"]
        assert 0.9 * ideal_a < row["array_current_a"] < ideal_a
        assert row["chip_current_a"] == near(5 * row["array_current_a"])
        supplied_w = row["array_current_a"] * chip.array.read_voltage
        assert row["signal_w"] + row["sneak_w"] + row["wires_w"] == near(supplied_w, rel=1e-3)
    # layers at 0 V take current from the pillars that the read layer fills
    assert serial["sneak_w"] > parallel["sneak_w"]


def test_readings_that_inputs_exclude() -> None:
    """Select lines take binary inputs; planar chips have no readings; the chip's own way comes first."""
    plane = (*VRRAM, "array.word_lines=plane", "array.cell=hfox_planar", "array.reading=word_line")
    chip = load_chip("vrram_finger_8layer", plane).chip
    rows = reading_rows(chip, 1)
    assert [row["reading"] for row in rows] == ["word_line", "select_line"]
    assert rows[1]["excluded"] is None
    amplitude = ("input.coding=amplitude", "input.driver.component=dac_multibit", "input.dac_bits=4")
    rows = reading_rows(load_chip("vrram_finger_8layer", (*plane, *amplitude)).chip, 1)
    assert rows[1]["excluded"] == "select lines take binary inputs"
    assert reading_rows(load_chip("hfox_planar_128").chip, 1) == []


def test_arrays_too_large_to_solve(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their current is that of the driven cells, and sneak is not known."""
    monkeypatch.setattr("pillarsim.map.vertical._MOST_CELLS", 10)
    row = reading_rows(load_chip("vrram_finger_8layer", VRRAM).chip, 2)[0]
    assert (row["solved"], row["sneak_w"], row["wires_w"]) == (False, None, None)
    assert row["chip_current_a"] == near(2 * row["array_current_a"])


def test_simulated_rate_of_a_shared_array() -> None:
    """Layers that share an array add up in it: the map's bottleneck is their sum."""
    net = network((2, 6, 6), conv("a", 2, 2, kernel=1), conv("b", 2, 2, kernel=1))
    sets = ("mapping.share_arrays=true", "array.columns=64", "array.rows=64")
    found = record(net, *sets)
    assert found["arrays"] == found["arrays"] | {"used": 1, "shared": 1}
    each = [layer["time_per_image_s"] for layer in found["layers"]]
    assert found["bottleneck"]["layers"] == ["a", "b"]
    assert found["bottleneck"]["time_per_image_s"] == near(sum(each))
    chip = load_chip("hfox_planar_128", (*SMALL, *sets)).chip
    timing = build_timing(chip.hardware, build_components(chip.hardware), chip.idle)
    calibration, _ = choose_samples(net, 2, 0, None, 0, None)
    placement = compile_for(chip, net, calibration.inputs, timing)
    trace = simulate(placement, timing, chip.idle, 12, "window", arrays_per_tile=chip.tile.arrays_per_level)
    measured = (trace.finished_ps[-1] - trace.finished_ps[0]) / 11 * PS
    assert measured == pytest.approx(sum(each), rel=0.05)
