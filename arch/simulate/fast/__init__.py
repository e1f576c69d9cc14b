"""The compiled engine of detail `window`: the same events as the SimPy one, on tables of integers.

columns   names of the tables' columns
collect   what all tables refer to: services, lists, servers, power trackers, paths
tables    from a plan to the tables
machine   the one block of memory in which they stand
queue     the queue of events
power     power states
requests  who is asked for what, and grants
follow    what follows from a grant
sending   output pixels, as far as credits go
border    rows of the input and output pixels at the border of the chip
windows   a window of a replica from its fetch to its end
claims    arrays that stages share
arriving  pixels in the buffers of tiles
loop      events in order, until something is to be done outside
steady    where the run repeats itself, and the images that are then not simulated one by one
observe   rows of what happened, from the tables before and after each event
engine    a run, and its results read out of the tables
"""
