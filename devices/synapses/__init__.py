"""Synapses of several devices: their state, the counters that choose which device moves, and pulsed updates."""
