"""Device cards on their own: what a card states, samples of its devices, and cards fitted to measurements.

listing     the shipped cards, a row each
sheet       one card: every key with its source
asked       the texts of the command's options as numbers
choices     what they mean for one card's device
programmed  devices written to each level
pulsed      fresh devices after update pulses
aged        what time, temperature and a read make of them
statistics  of a sample of resistances
record      the sample as JSON data
plot        the sample as a picture
fit         from a measured table to a card
"""
