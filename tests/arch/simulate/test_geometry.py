"""Windows: which pixels they need, free and complete."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarsim.arch.errors import ModelError
from pillarsim.arch.simulate.geometry import Fields, Finish, fields_of, finish_of
from pillarsim.workloads.operators import Activation, Add
from tests.arch.simulate.builders import RELU, Digital, Shape, Spec, build, pool


def fields(shape: Shape, spec: Spec) -> Fields:
    """What the windows of one stage need of a stream of `shape`."""
    placement = build(shape, [spec])
    return fields_of(placement, placement.stages[0], placement.stages[0].inputs[0])


def finish(shape: Shape, spec: Spec) -> Finish:
    """What is done to the windows of one stage behind its arrays."""
    return finish_of(build(shape, [spec]).stages[0])


@given(
    height=st.integers(1, 6),
    width=st.integers(1, 6),
    kernel=st.integers(1, 3),
    stride=st.integers(1, 3),
    padding=st.integers(0, 3),
    dilation=st.integers(1, 3),
)
def test_need_and_keep_by_enumeration(
    height: int, width: int, kernel: int, stride: int, padding: int, dilation: int
) -> None:
    """`need` is the last real pixel of a window, `keep` the first one of all windows from it on."""
    reach = (kernel - 1) * dilation + 1
    if min(height, width) + 2 * padding < reach:
        return
    found = fields((1, height, width), Spec(1, kernel=kernel, stride=stride, padding=padding, dilation=dilation))
    windows = []
    for top in range(-padding, height + padding - reach + 1, stride):
        for left in range(-padding, width + padding - reach + 1, stride):
            cells = [(top + dilation * y, left + dilation * x) for y in range(kernel) for x in range(kernel)]
            windows.append([y * width + x for y, x in cells if 0 <= y < height and 0 <= x < width])
    assert len(windows) == len(found.need)
    for number, field in enumerate(windows):
        assert found.need[number] == (max(field) + 1 if field else 0)
        later = [pixel for other in windows[number:] for pixel in other]
        assert found.keep[number] == (min(later) if later else height * width)


def test_strided_convolution_frees_what_it_skips() -> None:
    """A 1x1 convolution of stride 2 needs every other pixel; the ones between are freed with the next window's turn."""
    found = fields((1, 4, 4), Spec(1, stride=2))
    assert found.need.tolist() == [1, 3, 9, 11]
    assert found.keep.tolist() == [0, 2, 8, 10]
    assert found.keep_from(4) == 16


def test_pooling_emits_with_the_last_window() -> None:
    """A 2x2 pool of a 5x4 map completes four pixels; the dropped row is computed but compared with nothing."""
    found = finish((1, 5, 4), Spec(3, post=(RELU, pool(2, 2))))
    assert found.emitted.tolist() == [0] * 5 + [1, 1] + [2] * 6 + [3, 3] + [4] * 5
    assert [(unit, amounts.tolist()) for unit, amounts in found.steps] == [
        ("activation", [3] * 20),
        ("pooling", [3] * 16 + [0] * 4),
    ]


def test_activation_behind_the_pool_handles_fewer_values() -> None:
    """With the activation after an overlapping pool, only completed pixels are activated; shared values count twice."""
    found = finish((1, 3, 3), Spec(2, post=(pool(2, 1), RELU)))
    assert [(unit, amounts.tolist()) for unit, amounts in found.steps] == [
        ("pooling", [2, 4, 2, 4, 8, 4, 2, 4, 2]),
        ("activation", [0, 0, 0, 0, 2, 2, 0, 2, 2]),
    ]
    assert finish((1, 1, 3), Spec(2, post=())).emitted.tolist() == [1, 2, 3]


def test_padded_pool_completes_several_pixels_at_once() -> None:
    """With padding below, the last two rows of a 3x3 pool of stride 1 end with the same windows, in raster order."""
    found = finish((1, 2, 2), Spec(1, post=(pool(3, 1, 1),)))
    assert found.emitted.tolist() == [0, 0, 0, 4]
    assert found.steps[0][1].tolist() == [4] * 4  # each value is in all four kernels


def test_functions_that_look_up_a_table() -> None:
    """GELU is the look-up table's, leaky ReLU a comparison of the activation unit."""
    post = (Activation("gelu", "gelu"), Activation("leaky", "leaky_relu", (("slope", 0.1),)))
    assert [unit for unit, _ in finish((1, 2, 2), Spec(1, post=post)).steps] == ["lookup", "activation"]


def test_linear_layer_needs_the_whole_map() -> None:
    """Behind a flattening one window takes all pixels."""
    found = fields((2, 3, 3), Spec(4, linear=True))
    assert (found.need.tolist(), found.keep.tolist()) == ([9], [0])


def test_digital_stages_need_pixels_or_maps() -> None:
    """Of an addition each window needs the pixel of its number; a whole map stays until the image's last window."""
    placement = build((1, 2, 2), [Spec(1), Digital(Add("add"), (0, -1), ("pixel", "map"))])
    stage = placement.stages[1]
    pixel, whole = (fields_of(placement, stage, edge) for edge in stage.inputs)
    assert (pixel.need.tolist(), pixel.keep.tolist()) == ([1, 2, 3, 4], [0, 1, 2, 3])
    assert (whole.need.tolist(), whole.keep.tolist()) == ([4] * 4, [0] * 4)


def test_shapes_that_do_not_fit() -> None:
    """A stream of another size than the stage's input is a defect of the placement."""
    placement = build((1, 4, 4), [Spec(1), Digital(Add("add"), (0, 0))])
    wider = replace(placement, input_stream=(1, 4, 5))
    with pytest.raises(ModelError, match="layer0"):
        fields_of(wider, wider.stages[0], wider.stages[0].inputs[0])
    fewer = replace(placement.stages[1], before=(1, 1, 4))
    with pytest.raises(ModelError, match="16 pixels do not feed 4 windows"):
        fields_of(placement, fewer, fewer.inputs[0])
    with pytest.raises(ModelError, match="leaves"):
        finish_of(replace(placement.stages[0], stream=(1, 2, 2)))
