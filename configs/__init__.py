"""Chips, devices, component libraries and sweeps as YAML files; this package holds data only."""
