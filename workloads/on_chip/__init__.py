"""Training loops whose weights are devices on the chip."""
