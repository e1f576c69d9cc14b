"""Events of training on the chip: forward and transposed reads, updates, verify reads and refresh; time and energy."""
