"""The compiled engine of detail `window`: the same events as the SimPy one, on tables of integers.

columns  names of the tables' columns
tables   from a plan to the tables
queue    the queue of events
power    power states
events   what each event does
loop     events in order, until something is to be done outside
steady   where the run repeats itself, and the images that are then not simulated one by one
"""
