"""Fits of device models to measured tables.

columns        names and units that a column may have
table          the reader of CSV files
models         the models by name
options        the options that a model takes
window         the card's states beside the data
distributions  what a write pulse leaves: log-normal, quantiles, error by level
currents       current-voltage laws
sweeps         runs of pulses in a table
swept          what fits of runs share: bounds, noise
steps          soft bounds and linear steps
neurosim       NeuroSim's curves
retention      drift and loss over time
solve          least squares with standard errors, goodness
result         what a fit gives
card, text     the fitted card as YAML
record, plot   the fit as JSON data and as a picture
"""
