"""Details `row` and `layer`: the recurrences of windows, pixels and rows in closed form, without a queue of events.

Every client (a stage's stream of pixels from one tile, a replica's fetches in one tile, its partial sums, the steps
of its windows in one kind of unit, the source, the sink) has its parts to itself, first come first served; buffers,
registers and credits hold back as in detail `window`. All times are then maxima and sums of earlier ones, taken stage
by stage. A call does an output row of a stage (`row`) or an image of it (`layer`); both give the same numbers.

Why the result is that of detail `window` where no two clients' uses of a part overlap: take the first grant, in the
order of `window`, that differs. All before it are the same, so its request is. In `window` it starts at its request or
when what was asked for before it is served, whichever is later. Of its own client that is here the same; what another
client asked for before it either ended before (no difference), or is served later here, because its own client's
earlier use goes on from that request to past this start: then the two overlap, as they do if it is being served.
Requests of one picosecond for one part overlap too. Credits, registers and arrivals count alike in both; which of the
events of a picosecond comes first changes neither times nor counts (`kernel`, `capacity`).

So overlaps are looked for, part by part, in what every client used when; they and all else that the recurrences do
not know make `Trace.exact` false and are named in `Trace.contended`: a client whose requests change their order,
windows that need arrays of others, and parts that would have slept under idle policy `gated` with a wake-up time
(arrays and converters of one replica wake in the recurrences).

columns   names of the tables' columns
clients   from the machine of `fast` to slots and channels
rows      the recurrences
overlap   uses of each part over time
repeat    where the run repeats itself, and the images that are then not simulated one by one
engine    a run
"""
