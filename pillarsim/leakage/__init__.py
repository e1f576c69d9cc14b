"""The leakage study: read points of one array over a grid of layers, size, voltage, scheme, bits and nonlinearity.

source   the array under study, from a chip or a case file
grid     the values of each axis, and their combinations
circuit  one point as the `spec` of a memory case
read     one point solved, and where its unselected cells see the most voltage
study    solves the points
limits   what the points say against limits of margin, leakage and disturb
record   the study as JSON data
plot     the study as a picture
"""
