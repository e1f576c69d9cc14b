"""Windows: which pixels they need, free and complete."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarsim.arch.errors import ModelError
from pillarsim.arch.simulate.geometry import Windows, windows_of
from tests.arch.simulate.builders import RELU, Spec, build, pool


def windows(shape: tuple[int, int, int], spec: Spec) -> Windows:
    """The windows of one layer behind a stream of `shape`."""
    return windows_of(build(shape, [spec]).layers[0], shape)


@given(
    height=st.integers(1, 6),
    width=st.integers(1, 6),
    kernel=st.integers(1, 3),
    stride=st.integers(1, 3),
    padding=st.integers(0, 3),
)
def test_need_and_keep_by_enumeration(height: int, width: int, kernel: int, stride: int, padding: int) -> None:
    """`need` is the last real pixel of a window, `keep` the first one of all windows from it on."""
    if min(height, width) + 2 * padding < kernel:
        return
    found = windows((1, height, width), Spec(1, kernel=kernel, stride=stride, padding=padding))
    fields = []
    for top in range(-padding, height + padding - kernel + 1, stride):
        for left in range(-padding, width + padding - kernel + 1, stride):
            cells = [(y, x) for y in range(top, top + kernel) for x in range(left, left + kernel)]
            fields.append([y * width + x for y, x in cells if 0 <= y < height and 0 <= x < width])
    for number, field in enumerate(fields):
        assert found.need[number] == (max(field) + 1 if field else 0)
        later = [pixel for other in fields[number:] for pixel in other]
        assert found.keep[number] == (min(later) if later else height * width)


def test_strided_convolution_frees_what_it_skips() -> None:
    """A 1x1 convolution of stride 2 needs every other pixel; the ones between are freed with the next window's turn."""
    found = windows((1, 4, 4), Spec(1, stride=2))
    assert found.need == (1, 3, 9, 11)
    assert found.keep == (0, 2, 8, 10)
    assert found.keep_from(4) == 16


def test_pooling_emits_with_the_last_window() -> None:
    """A 2x2 pool of a 5x4 map completes four pixels; the dropped row is computed but compared with nothing."""
    found = windows((1, 5, 4), Spec(3, post=(RELU, pool(2, 2))))
    assert [number for number, emits in enumerate(found.emits) if emits] == [5, 7, 13, 15]
    assert found.activations == (3,) * 20
    assert found.poolings == (3,) * 16 + (0,) * 4


def test_activation_behind_the_pool_handles_fewer_values() -> None:
    """With the activation after an overlapping pool, only completed pixels are activated; shared values count twice."""
    found = windows((1, 1, 3), Spec(2, post=()))
    assert found.emits == (True,) * 3
    overlapping = windows((1, 3, 3), Spec(2, post=(pool(2, 1), RELU)))
    assert overlapping.poolings == (2, 4, 2, 4, 8, 4, 2, 4, 2)
    assert overlapping.activations == (0, 0, 0, 0, 2, 2, 0, 2, 2)


def test_linear_layer_needs_the_whole_map() -> None:
    """Behind a flattening one window takes all pixels."""
    found = windows((2, 3, 3), Spec(4, linear=True))
    assert (found.need, found.keep, found.span) == ((9,), (0,), 9)


def test_shapes_that_do_not_fit() -> None:
    """A stream of another size than the layer's input is a defect of the placement."""
    with pytest.raises(ModelError, match="layer0"):
        windows_of(build((1, 4, 4), [Spec(1)]).layers[0], (1, 4, 5))
