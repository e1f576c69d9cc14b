"""The value model: what the arrays calculate, batched over images and device seeds.

coding (weights and inputs as levels and chunks) -> fixed_point (conductances as integers) -> windows + kernels
(reads, conversions, shift-add) -> digital (bias, scaling, pooling) -> evaluate (accuracy and activity).
"""

__all__: list[str] = []
