"""Whole networks through the value model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from pillarsim.arch.compute.activities import default_activity
from pillarsim.arch.compute.converters import converter_ranges
from pillarsim.arch.compute.evaluate import IMAGES_PER_CHUNK, Evaluation, evaluate
from pillarsim.arch.compute.integer import integer_forward
from pillarsim.arch.compute.programmed import ProgrammedLayer
from pillarsim.arch.compute.reading import ReadRule
from pillarsim.arch.compute.windows import gather_windows
from pillarsim.arch.placement import Placement
from pillarsim.workloads.network import AvgPool2d, MaxPool2d
from tests.arch.compute import made
from tests.near import near


def devices(placement: Placement, rule: ReadRule, sigma: float, seeds: Sequence[int]) -> list[list[ProgrammedLayer]]:
    """A device a seed."""
    return [[made.device(rule, layer, sigma, seed) for layer in placement.layers] for seed in seeds]


def run(rule: ReadRule, sigma: float, seeds: Sequence[int], threads: int = 1, images: int = 120) -> Evaluation:
    """Evaluate the made network."""
    random = np.random.default_rng(11)
    placement = made.network(rule, random)
    pictures = made.images(placement, images, random)
    return evaluate(
        placement,
        devices(placement, rule, sigma, seeds),
        rule,
        converter_ranges(placement, rule, pictures[:5]),
        pictures,
        seeds=seeds,
        threads=threads,
    )


def agreement(found: Evaluation) -> float:
    """Share of the made network's pictures on which the chip's largest logit is the integer network's."""
    random = np.random.default_rng(11)
    placement = made.network(made.RULE, random)
    wanted = integer_forward(placement, made.images(placement, found.samples, random)).argmax(axis=1)
    return float((found.logits.argmax(axis=2) == wanted).mean())


@pytest.mark.parametrize("scheme", ["differential", "offset", "offset_flip"])
@pytest.mark.parametrize("chunk_bits", [1, 3])
def test_ideal_chip_gives_the_integer_networks_logits(scheme: str, chunk_bits: int) -> None:
    """Convolutions, pooling and linear layers on an ideal chip give the integer network's logits bit for bit."""
    rule = made.with_rule(scheme=scheme, chunk_bits=chunk_bits)
    random = np.random.default_rng(1)
    placement = made.network(rule, random)
    pictures = made.images(placement, 9, random)
    found = evaluate(
        placement,
        devices(placement, rule, 0.0, [0]),
        rule,
        converter_ranges(placement, rule),
        pictures,
        seeds=[0],
    )
    np.testing.assert_array_equal(found.logits[0], integer_forward(placement, pictures))


def test_integer_network_by_hand() -> None:
    """The integer network is torch's convolution and pooling on codes, with its own rounding."""
    random = np.random.default_rng(6)
    placement = made.network(made.RULE, random)
    pictures = made.images(placement, 4, random)
    values = torch.from_numpy(np.floor(pictures.astype(np.float64) * 255 + 0.5))
    for stage, layer in zip(placement.stages, placement.layers, strict=True):
        matrix = layer.matrix
        kernel = torch.from_numpy(matrix.weight.T.astype(np.float64)).reshape(-1, matrix.in_shape[0], *matrix.kernel)
        summed = torch.nn.functional.conv2d(
            values.reshape(4, *matrix.in_shape), kernel, torch.from_numpy(matrix.bias).double(), 1, matrix.padding[:2]
        )
        values = summed * torch.from_numpy(matrix.multiplier)[:, None, None]
        if matrix.output is None:
            break
        values = (values + 0.5).floor().clamp(matrix.output.low, matrix.output.high)
        for operator in (post.operator for post in stage.post):
            if isinstance(operator, MaxPool2d):
                values = torch.nn.functional.max_pool2d(values, operator.kernel, operator.stride)
            elif isinstance(operator, AvgPool2d):
                mean = torch.nn.functional.avg_pool2d(values, operator.kernel, operator.stride)
                values = ((mean * 4 + 2) / 4).floor()
    np.testing.assert_allclose(integer_forward(placement, pictures), values.reshape(4, -1).numpy(), rtol=1e-12)


def test_threads_change_nothing() -> None:
    """One and three threads give the same bytes, with programming error and read noise on."""
    rule = made.with_rule(bits=6, read_noise=0.05)
    one, three = (run(rule, 0.2, [3, 4], threads) for threads in (1, 3))
    assert one.logits.tobytes() == three.logits.tobytes()
    assert one.activity == three.activity


def test_device_seeds_permute() -> None:
    """A device's outcome does not depend on its place among the devices; different devices differ."""
    rule = made.with_rule(bits=6, read_noise=0.05)
    one, other = run(rule, 0.2, [3, 4, 5]), run(rule, 0.2, [5, 3, 4])
    np.testing.assert_array_equal(one.logits[[2, 0, 1]], other.logits)
    assert not np.array_equal(one.logits[0], one.logits[1])


def test_first_images_stand_for_themselves() -> None:
    """The first images give the same logits whether or not more images, in other chunks, follow."""
    rule = made.with_rule(bits=6, read_noise=0.05)
    few, many = run(rule, 0.2, [3], images=30), run(rule, 0.2, [3], images=IMAGES_PER_CHUNK + 30)
    np.testing.assert_array_equal(few.logits[0], many.logits[0, :30])


def test_accuracy_falls_with_error_and_with_converter_bits() -> None:
    """Agreement with the integer network is whole for the ideal chip and is lost by large errors or few bits."""
    fine = made.with_rule(bits=12)
    assert agreement(run(fine, 0.0, [1])) == 1.0
    assert agreement(run(fine, 1.5, [1, 2, 3])) < 0.9
    assert agreement(run(made.with_rule(bits=2), 0.0, [1])) < 0.9


@pytest.mark.parametrize("pulse_width", [False, True])
@pytest.mark.parametrize(("chunk_bits", "together"), [(1, False), (3, False), (3, True)])
def test_activity_equals_brute_force(pulse_width: bool, chunk_bits: int, together: bool) -> None:
    """Drives, conductance sums and conversions equal a sum over every window, read and cell."""
    rule = made.with_rule(chunk_bits=chunk_bits, pulse_width=pulse_width, analog_accumulate=together)
    random = np.random.default_rng(8)
    placement = made.network(rule, random)
    pictures = made.images(placement, 3, random)
    programmed = devices(placement, rule, 0.1, [0, 1])
    found = evaluate(placement, programmed, rule, converter_ranges(placement, rule), pictures, seeds=[0, 1])
    # Codes of the first layer do not depend on the devices.
    layer, codes = placement.layers[0], made.layer_codes(placement, pictures)[0]
    rows = gather_windows(codes, layer.matrix)
    chunks = [(rows >> t) & ((1 << min(chunk_bits, 8 - t)) - 1) for t in range(0, 8, chunk_bits)]
    full = (1 << chunk_bits) - 1
    row_s = np.mean([one[0].conductance_s.double().sum(dim=(0, 2, 3)).numpy() for one in programmed], axis=0)
    power = sum(((x / full if pulse_width else (x / full) ** 2) @ row_s).mean() for x in chunks)
    activity = found.activity[0]
    assert activity.drives == near(sum((x > 0).sum(axis=1).mean() for x in chunks))
    assert activity.conductance_s == near(power, rel=1e-9)
    assert activity.conductance_time == near(sum((x / full @ row_s).mean() for x in chunks), rel=1e-9)
    groups = sum(len(block.groups) for block in layer.row_blocks)
    assert activity.conversions == groups * (1 if together else len(chunks)) * layer.units
    assert activity.clipped == 0


def test_drives_count_every_array_beside_another() -> None:
    """A row that runs through two arrays counts two driven lines."""
    rule = made.RULE
    random = np.random.default_rng(8)
    placement = made.network(rule, random)
    layer = placement.layers[0]
    half = layer.units // 2
    split = tuple(
        replace(array, units=units) for array in layer.replicas[0] for units in ((0, half), (half, layer.units))
    )
    wider = replace(placement, layers=(replace(layer, replicas=(split,)), *placement.layers[1:]))
    programmed = devices(placement, rule, 0.0, [0])[0]
    before, after = (default_activity(one, programmed, rule)[0] for one in (placement, wider))
    assert after.drives == 2 * before.drives
    assert after.conductance_s == before.conductance_s


def test_default_activity_drives_half_of_the_bits() -> None:
    """Without images each of 8 bits of each row is driven half of the time, and nothing clips."""
    random = np.random.default_rng(8)
    placement = made.network(made.RULE, random)
    programmed = devices(placement, made.RULE, 0.0, [0])[0]
    for layer, device, found in zip(
        placement.layers, programmed, default_activity(placement, programmed, made.RULE), strict=True
    ):
        assert found.drives == layer.matrix.weight.shape[0] * 8 * 0.5
        assert found.conductance_s == near(float(device.conductance_s.double().sum()) * 4)
        assert (found.clipped, found.spikes) == (0.0, 0.0)


def test_default_spikes_are_near_the_measured_ones() -> None:
    """Default spike counts are within a factor of 3 of those that random images give."""
    rule = made.with_rule(bits=12, scheme="offset", spikes=replace(made.NEURON, gain=2.0))
    random = np.random.default_rng(8)
    placement = made.network(rule, random)
    programmed = devices(placement, rule, 0.0, [0])
    pictures = made.images(placement, 20, random)
    found = evaluate(placement, programmed, rule, converter_ranges(placement, rule), pictures, seeds=[0])
    default = default_activity(placement, programmed[0], rule)[0].spikes
    assert found.activity[0].spikes > 0
    assert 1 / 3 < default / found.activity[0].spikes < 3


def test_progress_and_bad_lengths() -> None:
    """Progress counts every chunk once; no images, and devices without seeds, are refused."""
    rule = made.RULE
    random = np.random.default_rng(8)
    placement = made.network(rule, random)
    programmed, ranges = devices(placement, rule, 0.0, [0]), converter_ranges(placement, rule)
    pictures, seen = made.images(placement, 2 * IMAGES_PER_CHUNK + 1, random), []
    evaluate(placement, programmed, rule, ranges, pictures, seeds=[0], progress=lambda *done: seen.append(done))
    assert seen == [(1, 3), (2, 3), (3, 3)]
    with pytest.raises(ValueError, match="images"):
        evaluate(placement, programmed, rule, ranges, pictures[:0], seeds=[0])
    with pytest.raises(ValueError, match="seeds"):
        evaluate(placement, programmed, rule, ranges, pictures, seeds=[0, 1])
