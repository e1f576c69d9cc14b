"""The compiled training step of dense chains against plain numpy and against the updates it is made of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pillarsim.devices.pulses import LinearStep, Window
from pillarsim.devices.synapses.bank import Bank, Synapse, make_bank, state
from pillarsim.devices.synapses.counts import COUNTS, SUMS, no_counts
from pillarsim.devices.synapses.programming import bring_to
from pillarsim.devices.synapses.updates import disturb, stochastic_update
from pillarsim.workloads.on_chip.dense_kernel import RELU, SIGMOID, SOFTMAX, TANH, Reads, dense_forward, dense_steps

MODEL = LinearStep(Window(2e-6, 12e-6), 0.02, 0.02, 1.0, 1.0, sigma=0.3, spread_step=0.3)
Array = NDArray[Any]
SIZES = (7, 6, 5)
IMAGES = np.random.default_rng(0).random((8, 6)).astype(np.float32)  # six pixels, and the bias beside them
LABELS = np.array([0, 4, 2, 1, 3, 0, 2, 2])


def banks() -> tuple[Bank, Bank]:
    """Two layers with weights in [-0.6, 0.6] and read noise's squares."""
    made = []
    for layer in range(2):
        shape = SIZES[layer], SIZES[layer + 1]
        bank = make_bank(MODEL, Synapse(2), *shape, 1.0, ("c2c", "d2d"), 0, f"layer {layer}", squares=True)
        targets = np.random.default_rng(layer).uniform(-0.6, 0.6, shape).astype(np.float32)
        bring_to(bank, targets, 1000, *no_counts())
        made.append(bank)
    return made[0], made[1]


def reads(layer: int, **options: Any) -> Reads:
    """Unrounded reads of a layer in two blocks each way."""
    inputs, outputs = SIZES[layer], SIZES[layer + 1]
    plain: dict[str, Any] = {
        "bias": layer == 0, "scale": np.array([1, 0], np.float32), "codes": np.array([0, 0]),
        "weight_of": np.zeros((2, 1)), "drives_of": np.zeros((2, 1), np.int64),
        "input_starts": np.array([0, 4, inputs]), "output_starts": np.array([0, 2, outputs]),
        "step": np.zeros(2, np.float32), "bound": np.zeros(2, np.float32),
        "step_back": np.zeros(2, np.float32), "bound_back": np.zeros(2, np.float32), "noise": 0.0,
        "start": np.uint64(layer),
    }  # fmt: skip
    return Reads(**(plain | options))


def run(
    made: tuple[Bank, Bank], how: tuple[Reads, Reads], hidden: int, batch: int, rate: float, ratio: float = 0.0
) -> Any:
    """Steps over all images; (steps done, counts, sums, drives, read_s, losses)."""
    steps = len(IMAGES) // batch
    out = (np.zeros((steps, 2, COUNTS), np.int64), np.zeros((steps, 2, SUMS)), np.zeros((steps, 2, 2), np.int64),
           np.zeros((steps, 2, 2)), np.zeros(steps))  # fmt: skip
    cores = made[0].core, made[1].core
    done = dense_steps(cores, how, np.array([hidden, SOFTMAX]), IMAGES, LABELS, 0, batch, rate, 31, ratio, *out)
    return done, *out


def logits_of(made: tuple[Bank, Bank], how: tuple[Reads, Reads], hidden: int, first: int = 0) -> Array:
    """What the kernel reads for all images."""
    out = np.zeros((len(IMAGES), 5), np.float32)
    dense_forward((made[0].core, made[1].core), how, np.array([hidden, SOFTMAX]), IMAGES, first, out)
    return out


HIDDEN: dict[int, Any] = {
    RELU: (lambda y: np.maximum(y, 0), lambda a: (a > 0).astype(float)),
    SIGMOID: (lambda y: 1 / (1 + np.exp(-y)), lambda a: a * (1 - a)),
    TANH: (np.tanh, lambda a: 1 - a**2),
}


def passes(made: tuple[Bank, Bank], hidden: int) -> tuple[list[Array], list[Array], Array]:
    """Inputs and errors of both layers and losses, in float64 numpy."""
    w = [bank.weights.astype(np.float64) for bank in made]
    x0 = np.hstack([IMAGES.astype(np.float64), np.ones((len(IMAGES), 1))])
    x1 = HIDDEN[hidden][0](x0 @ w[0])
    logits = x1 @ w[1]
    share = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    d1 = share - np.eye(5)[LABELS]
    d0 = d1 @ w[1].T * HIDDEN[hidden][1](x1)
    return [x0, x1], [d0, d1], -np.log(share[np.arange(len(LABELS)), LABELS])


@pytest.mark.parametrize("hidden", [RELU, SIGMOID, TANH])
def test_a_step_reads_forward_and_back_and_updates_by_outer_products(hidden: int) -> None:
    """Unrounded: loss and lines driven as in numpy; devices end as by `stochastic_update` with numpy's x and d."""
    made, twin = banks(), banks()
    x, d, losses = passes(made, hidden)
    np.testing.assert_allclose(logits_of(made, (reads(0), reads(1)), hidden), x[1] @ made[1].weights, atol=1e-5)
    read = [np.array([(x[0] ** 2 @ made[0].row_s).sum(), 0]), np.zeros(2)]
    read[1][0] = (x[1] ** 2 @ made[1].row_s).sum()
    read[1][1] = ((d[1] / np.abs(d[1]).max(1, keepdims=True)) ** 2 @ made[1].column_s.sum(1)).sum()
    done, counts, sums, drives, read_s, loss = run(made, (reads(0), reads(1)), hidden, 8, 0.01)
    assert done == 1
    assert loss[0] == pytest.approx(losses.mean(), rel=1e-5)
    assert drives[0].tolist() == [[(x[0] != 0).sum(), 0], [(x[1] != 0).sum(), 40]]
    np.testing.assert_allclose(read_s[0], np.array(read), rtol=1e-5)
    for layer in range(2):
        expected = no_counts()
        stochastic_update(twin[layer], x[layer].astype(np.float32), d[layer].astype(np.float32), 0.01, 31, *expected)
        # A train may differ by a bit where float32 errors differ in their last place.
        assert np.abs(counts[0, layer] - expected[0]).max() <= 3
        assert counts[0, layer].sum() > 300
        assert (made[layer].pulses != twin[layer].pulses).mean() < 0.05
        np.testing.assert_allclose(sums[0, layer], expected[1], rtol=0.02)


def test_codes_and_converters_round_and_clip() -> None:
    """Inputs of 15 levels, errors of 7, converters with steps and bounds in two blocks: as in numpy, to the step."""
    made = banks()
    table = np.linspace(0, 1, 16) ** 2
    how = [
        reads(layer, codes=np.array([15, 7]), weight_of=np.stack([table, table]), scale=np.array([0.9, 0], np.float32),
              drives_of=np.stack([np.arange(16) > 0] * 2).astype(np.int64), step=np.array([0.05, 0.03], np.float32),
              bound=np.array([0.4, 0.45], np.float32))
        for layer in range(2)
    ]  # fmt: skip

    def layer(x: Array, w: Array) -> tuple[Array, Array]:
        codes = np.minimum(np.floor(x / 0.9 * 15 + 0.5), 15)
        values, out = codes / 15 * 0.9, np.zeros((len(x), w.shape[1]))
        for rows, step, bound in ((slice(0, 4), 0.05, 0.4), (slice(4, None), 0.03, 0.45)):
            out = out + np.clip(np.floor(values[:, rows] @ w[rows] / step + 0.5) * step, -bound, bound)
        return codes, out

    x0 = np.hstack([IMAGES.astype(np.float64), np.ones((len(IMAGES), 1))])
    codes0, hidden = layer(x0, made[0].weights.astype(np.float64))
    codes1, logits = layer(np.maximum(hidden, 0), made[1].weights.astype(np.float64))
    found = logits_of(made, (how[0], how[1]), RELU)
    np.testing.assert_allclose(found, logits, atol=2e-5)
    assert np.abs(found).max() > 0.4
    before = made[0].row_s.copy(), made[1].row_s.copy()
    _, _, _, drives, read_s, _ = run(made, (how[0], how[1]), RELU, 8, 0.0)
    assert drives[0, :, 0].tolist() == [(codes0 > 0).sum(), (codes1 > 0).sum()]
    weights = [(table[codes.astype(int)] @ s).sum() for codes, s in zip((codes0, codes1), before, strict=True)]
    np.testing.assert_allclose(read_s[0, :, 0], weights, rtol=1e-9)


def test_read_noise_has_the_variance_of_its_devices() -> None:
    """Logits over 4000 reads spread by noise * sqrt(sum x^2 G^2) in weight units; reads of equal numbers repeat."""
    made, how = banks(), (reads(0), reads(1, noise=0.05))
    x = passes(made, RELU)[0][1][0]
    found, again = (np.zeros((4000, 5), np.float32) for _ in range(2))
    cores, kinds, images = (made[0].core, made[1].core), np.array([RELU, SOFTMAX]), np.tile(IMAGES[0], (4000, 1))
    dense_forward(cores, how, kinds, images, 0, found)
    dense_forward(cores, how, kinds, images[:3000], 1000, again[:3000])
    assert (again[:3000] == found[1000:]).all()
    g = made[1].conductance_s() / 10e-6 * made[1].core.scale
    expected = 0.05 * np.sqrt((x[:, None] ** 2 * (g**2).sum(2)).sum(0))
    np.testing.assert_allclose(found.std(0), expected, rtol=4 / np.sqrt(2 * 4000))
    np.testing.assert_allclose(found.mean(0), x @ made[1].weights, atol=4 * expected.max() / np.sqrt(4000))


def test_many_steps_in_a_call_equal_single_ones() -> None:
    """Four steps of two images in one call, or in four, with disturb after each: devices equal to the bit."""
    made, twin = banks(), banks()
    done, *_ = run(made, (reads(0), reads(1)), RELU, 2, 0.05, 0.001)
    assert done == 4
    cores = twin[0].core, twin[1].core
    for step in range(4):
        out = (np.zeros((1, 2, COUNTS), np.int64), np.zeros((1, 2, SUMS)), np.zeros((1, 2, 2), np.int64),
               np.zeros((1, 2, 2)), np.zeros(1))  # fmt: skip
        part = slice(2 * step, 2 * step + 2)
        dense_steps(cores, (reads(0), reads(1)), np.array([RELU, SOFTMAX]), IMAGES[part], LABELS[part], 2 * step, 2,
                    0.05, 31, 0.0, *out)  # fmt: skip
        for bank in twin:
            disturb(bank, 0.001)
    for one, other in zip(made, twin, strict=True):
        assert all((state(one)[name] == state(other)[name]).all() for name in state(one))


def test_a_loss_that_is_no_number_stops_before_the_update() -> None:
    """NaN among the weights: no step is done and no device pulsed."""
    made = banks()
    made[1].core.weights[0, 0] = np.nan
    before = made[0].pulses.copy()
    done, counts, *_, losses = run(made, (reads(0), reads(1)), SIGMOID, 4, 0.1)
    assert done == 0
    assert np.isnan(losses[0])
    assert counts.sum() == 0
    assert (made[0].pulses == before).all()
