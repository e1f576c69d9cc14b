"""The arrays' circuits: from programmed cells to what a read of them gives, with wires, switches and sneak paths.

spec        the chip's array as the `spec` of a case (devices.circuits)
places      a placed layer cut into arrays: which cell of the circuit each weight slice is
effective   the conductances that a read sees, array by array
gain        the column-gain calibration
sampled     reads drawn from calibration data, solved in full: energy split, IR drop, error of linearised cells
writing     write groups drawn from the programming, solved in full: half-select energy and disturb
"""
