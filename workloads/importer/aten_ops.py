"""What each ATen operator becomes: matrix layers, norms, functions and pools."""

import numpy as np

from pillarsim.workloads.importer import elementwise as each
from pillarsim.workloads.importer import matrix, norms, pools
from pillarsim.workloads.importer.aten_call import Call
from pillarsim.workloads.importer.aten_moves import COMPARISON, MOVES, Handler, Results
from pillarsim.workloads.importer.curves import pointwise
from pillarsim.workloads.importer.values import Value

__all__ = ["HANDLERS", "HINTS", "KEPT"]

ONE, ZERO = np.array(1.0), np.array(0.0)

# operators that torch would write out in smaller ones, and that stay whole here
KEPT = (
    "linear", "conv1d", "conv2d", "scaled_dot_product_attention", "elu", "celu", "gelu", "hardsigmoid", "hardswish",
    "hardtanh", "leaky_relu", "silu", "prelu", "avg_pool1d", "avg_pool2d", "max_pool2d", "adaptive_avg_pool1d",
    "adaptive_avg_pool2d", "_softmax", "native_layer_norm",
)  # fmt: skip
HINTS = {
    "_log_softmax": "leave it out of the exported model: it does not change which output is largest",
    "argmax": "leave it out of the exported model: the network's output are the numbers before it",
    "native_group_norm": "its statistics depend on the sample; use batch norm, or layer norm over features",
    "_native_batch_norm_legit": "batch norm is in training mode, or has no statistics of its own: call eval() before",
    "upsample_nearest2d": "supported are operators that do not enlarge the map",
    "gt": COMPARISON,
    "ge": COMPARISON,
}


def _same(call: Call) -> Results:
    if call.kind == "dropout" and call.given.get("train"):
        raise call.b.error("dropout is in training mode; call eval() before the export")
    kind = call.given.get("dtype")
    if kind is not None and not kind.is_floating_point:
        raise call.b.error(f"activations cannot become {kind}; only float types")
    return call.value()


def _convolution(call: Call) -> Results:
    weight = matrix.weights_of(call.b, call.operand("weight"), "weight")
    dimensions = weight.ndim - 2
    if call.given.get("transposed"):
        raise call.b.error("a transposed convolution is not supported; supported are those that do not enlarge the map")
    stride, dilation = call.integers("stride", dimensions), call.integers("dilation", dimensions)
    value, padding = call.value(), call.given["padding"]
    if padding == "same":
        # torch puts an odd one last, as ONNX's SAME_UPPER does
        pads = [
            matrix.same_padding(*sizes, lower=False)
            for sizes in zip(value.shape[2:], weight.shape[2:], stride, dilation, strict=True)
        ]
        sides = [low for low, _ in pads], [high for _, high in pads]
    else:
        zeros = [0] * dimensions if padding == "valid" else call.integers("padding", dimensions)
        sides = zeros, zeros
    groups = int(call.given["groups"])
    return matrix.convolution(call.b, value, weight, call.constant("bias"), stride, sides, dilation, groups)


def _linear(call: Call) -> Results:
    weight, bias = matrix.weights_of(call.b, call.operand("weight"), "weight"), call.constant("bias")
    if weight.ndim != 2:
        raise call.b.error(f"expected a weight of two axes, got {weight.shape}")
    return matrix.linear(call.b, call.value(), weight, bias)


def _product(call: Call) -> Results:
    """mm, bmm, matmul; addmm and baddbmm add their first argument."""
    first, second = {"addmm": ("mat1", "mat2"), "baddbmm": ("batch1", "batch2")}.get(call.kind, ("self", ""))
    second = second or ("mat2" if "mat2" in call.given else "other")
    alpha = call.number("alpha", 1.0)
    assert alpha is not None
    product = matrix.matmul(call.b, call.operand(first), call.operand(second), alpha)
    if call.kind not in ("addmm", "baddbmm") or call.required("beta") == 0:
        return product
    added = each.binary(call.b, "multiply", call.operand("self"), np.array(call.required("beta")))
    return each.binary(call.b, "add", product, added)


def _attention(call: Call) -> Results:
    query, key, value = (call.operand(name) for name in ("query", "key", "value"))
    mask = call.given.get("attn_mask")
    added = None if mask is None else call.operand("attn_mask")
    return matrix.attention(call.b, query, key, value, added, bool(call.given.get("is_causal")), call.number("scale"))


def _batch_norm(call: Call) -> Results:
    if call.given.get("training"):
        raise call.b.error("batch norm is in training mode; call eval() before the export")
    mean, variance = call.constant("running_mean"), call.constant("running_var")
    if mean is None or variance is None:
        raise call.b.error("batch norm has no statistics of its own; train it with track_running_stats")
    made = norms.batch_norm(
        call.b, call.value(), call.constant("weight"), call.constant("bias"), mean, variance, call.required("eps")
    )
    return made if call.kind == "batch_norm" else [made]


def _layer_norm(call: Call) -> Results:
    axes = len(call.integers("normalized_shape"))
    gamma, beta = call.constant("weight"), call.constant("bias")
    made = norms.layer_norm(call.b, call.value(), axes, gamma, beta, call.required("eps"))
    return made if call.kind == "layer_norm" else [made]


def _softmax(call: Call) -> Results:
    return norms.softmax(call.b, call.value(), int(call.given["dim"]))


def _function(name: str) -> Handler:
    return lambda call: each.activation(call.b, call.value(), name)


def _clip(call: Call) -> Results:
    if call.kind == "relu6":
        return each.clip(call.b, call.value(), 0, 6)
    names = ("min_val", "max_val") if call.kind == "hardtanh" else ("min", "max")
    low, high = (call.number(name) for name in names)
    if low == 0 and high is None:
        return each.relu(call.b, call.value())
    return each.clip(call.b, call.value(), low, high)


def _elu(call: Call) -> Results:
    made = each.activation(call.b, call.value(), "elu", alpha=call.required("alpha"))
    if call.required("input_scale") != 1:
        raise call.b.error("'elu' with a scale of its input is not supported")
    return each.affine(call.b, made, np.array(call.required("scale")), ZERO)


def _celu(call: Call) -> Results:
    """alpha elu(x / alpha)."""
    alpha = np.array(call.required("alpha"))
    made = each.activation(call.b, each.affine(call.b, call.value(), 1 / alpha, ZERO), "elu", alpha=1.0)
    return each.affine(call.b, made, alpha, ZERO)


def _leaky(call: Call) -> Results:
    value = call.value()
    if call.kind == "leaky_relu":
        return each.leaky(call.b, value, np.array(call.required("negative_slope")))
    slope = call.constant("weight")
    assert slope is not None
    return each.leaky(call.b, value, slope.reshape(-1, *(1,) * (len(value.shape) - 2)))


def _gelu(call: Call) -> Results:
    tanh = call.given.get("approximate") == "tanh"
    return each.activation(call.b, call.value(), "gelu_tanh" if tanh else "gelu")


def _pair(operation: str) -> Handler:
    def handler(call: Call) -> Results:
        left, right = call.operand("self"), call.operand("other")
        if call.given.get("rounding_mode") is not None:
            raise call.b.error("division with rounding is not supported")
        alpha = call.number("alpha", 1.0)
        if alpha != 1:
            right = each.binary(call.b, "multiply", right, np.array(alpha))
        if call.kind == "rsub":
            left, right = right, left
        return each.binary(call.b, operation, left, right)

    return handler


def _power(call: Call) -> Results:
    exponent = 2.0 if call.kind == "square" else call.required("exponent")
    return each.power(call.b, call.value(), exponent)


def _limit(call: Call) -> Results:
    one, other = call.operand("self"), call.operand("other")
    value, bound = (one, other) if isinstance(one, Value) else (other, one)
    if not isinstance(value, Value) or isinstance(bound, Value) or bound.size != 1:
        raise call.b.error(f"'{call.kind}' is supported for one activation and a single number only")
    limit = float(bound.reshape(()))
    if call.kind == "maximum":
        return each.relu(call.b, value) if limit == 0 else each.clip(call.b, value, limit, None)
    return each.clip(call.b, value, None, limit)


def _reduce(kind: str) -> Handler:
    def handler(call: Call) -> Results:
        value = call.value()
        axes = call.integers("dim") or list(range(len(value.shape)))
        return pools.reduce(call.b, value, kind, axes, bool(call.given.get("keepdim")))

    return handler


def _pool(call: Call) -> Results:
    dimensions = 1 if "1d" in call.kind else 2
    kernel = call.integers("kernel_size", dimensions)
    stride = call.integers("stride", dimensions) or kernel
    if set(call.integers("dilation", dimensions)) - {1}:
        raise call.b.error("a pool with dilation is not supported")
    pads = call.integers("padding", dimensions)
    divisor = call.given.get("divisor_override")
    made = pools.pool(
        call.b,
        call.value(),
        "max" if "max" in call.kind else "average",
        kernel,
        stride,
        (pads, pads),
        bool(call.given["ceil_mode"]),
        bool(call.given.get("count_include_pad", True)),
        None if divisor is None else int(divisor),
    )
    return [made] if call.kind.endswith("indices") else made


def _adaptive(call: Call) -> Results:
    kind = "max" if "max" in call.kind else "average"
    made = pools.adaptive(call.b, call.value(), kind, call.integers("output_size"))
    return [made] if kind == "max" else made


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(("clone", "contiguous", "alias", "detach", "dropout", "_to_copy", "to", "lift_fresh_copy"), _same),
    **dict.fromkeys(("conv1d", "conv2d", "convolution"), _convolution), "linear": _linear,
    **dict.fromkeys(("mm", "bmm", "matmul", "addmm", "baddbmm"), _product),
    "scaled_dot_product_attention": _attention,
    **dict.fromkeys(("batch_norm", "_native_batch_norm_legit_no_training"), _batch_norm),
    **dict.fromkeys(("layer_norm", "native_layer_norm"), _layer_norm),
    **dict.fromkeys(("softmax", "_softmax", "_safe_softmax"), _softmax),
    "relu": lambda call: each.relu(call.b, call.value()), "sigmoid": _function("sigmoid"), "tanh": _function("tanh"),
    "sign": _function("sign"), "silu": _function("silu"), "hardswish": _function("hard_swish"), "gelu": _gelu,
    "hardsigmoid": lambda call: each.activation(call.b, call.value(), "hard_sigmoid", scale=1 / 6, shift=0.5),
    **dict.fromkeys(("relu6", "hardtanh", "clamp", "clamp_min", "clamp_max"), _clip), "elu": _elu, "celu": _celu,
    **dict.fromkeys(("leaky_relu", "prelu"), _leaky),
    "add": _pair("add"), "sub": _pair("subtract"), "rsub": _pair("subtract"), "mul": _pair("multiply"),
    "div": _pair("divide"), "neg": lambda call: each.affine(call.b, call.value(), -ONE, ZERO),
    **dict.fromkeys(("pow", "square"), _power), **dict.fromkeys(("maximum", "minimum"), _limit),
    "sqrt": lambda call: each.root(call.b, call.value(), inverse=False),
    "rsqrt": lambda call: each.root(call.b, call.value(), inverse=True),
    "reciprocal": lambda call: each.binary(call.b, "divide", ONE, call.value()),
    "exp": lambda call: pointwise(call.b, call.value(), "exp"),
    "erf": lambda call: pointwise(call.b, call.value(), "erf"),
    "mean": _reduce("mean"), "sum": _reduce("sum"), "amax": _reduce("max"),
    **dict.fromkeys(("max_pool1d", "max_pool2d", "max_pool2d_with_indices", "avg_pool1d", "avg_pool2d"), _pool),
    **dict.fromkeys(("adaptive_avg_pool1d", "adaptive_avg_pool2d", "_adaptive_avg_pool2d"), _adaptive),
    **dict.fromkeys(("adaptive_max_pool1d", "adaptive_max_pool2d"), _adaptive),
    **MOVES,
}  # fmt: skip
