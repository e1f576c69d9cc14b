"""How many pixels each input of a stage must be able to hold so that the pipeline never waits for ever.

A stage's input holds a pixel from when its producer sends it (and takes a credit) until the stage's later windows need
it no more. The pipeline is run once without time, two images and what is left of them, in the laziest order: whoever
wants a pixel that is not there asks for it, and only then does its producer do its next window. The largest number of
pixels held at any moment, input by input, is what `least_pixels` returns.

Why that is enough, in any tile, with any timing and any number of replicas. (1) Every wait of the event model (fetch,
begin, send a row, send a pixel) is for counts of what other parts have done to reach a number, and nothing that a part
does ever takes another's condition away: a pixel is freed only by its own readers, a credit taken only by its own
producer. So what can happen stays possible until it happens. (2) Hence, if one order of these steps does all of them,
every order does: in a run that stopped early, take the first step of the complete order that was not done; all that
came before it was done, so its counts are reached and it can happen. (3) The lazy order is complete, as it ends with
every window done, and it needs no more than what was recorded: one window after another in raster order is a legal
order for replicas too, and a tile that serves only some of them frees no later. Servers, links, shared arrays and
wake-ups hold a step up for a finite time only. (4) Two images are enough: when the last pixel of an image is out, each
part has done exactly the windows that some pixel out so far needs, which is the same number past every image but for
a whole image's windows, so that every later image repeats the second.

Left out: more than the least, which hides delays (tiles share what is left of their buffers), and the sink, which
takes one pixel at a time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.placement import INPUT, Placement
from pillarsim.arch.simulate.geometry import Fields, fields_of, finish_of
from pillarsim.devices.jit import compiled

__all__ = ["least_pixels"]

_IMAGES = 2
Ints = NDArray[np.int64]


def least_pixels(placement: Placement) -> dict[tuple[int, int], int]:
    """Least pixels that (stage, number of its input) must hold in every tile that needs it, at least 1.

    Depends on stages, edges and the geometry of matrices only, not on tiles, arrays or replicas. Raises ModelError
    where shapes do not fit.
    """
    places = [(number, place) for number, stage in enumerate(placement.stages) for place in range(len(stage.inputs))]
    fields = [
        fields_of(placement, placement.stages[number], placement.stages[number].inputs[place])
        for number, place in places
    ]
    return dict(zip(places, least_of(placement, places, fields), strict=True))


def least_of(placement: Placement, places: list[tuple[int, int]], fields: list[Fields]) -> list[int]:
    """As `least_pixels`, with the window tables of each of `places` at hand."""
    stages = placement.stages
    edges = [stages[number].inputs[place] for number, place in places]
    first = np.searchsorted([number for number, _ in places], np.arange(len(stages) + 1))
    by_source = [
        [number for number, edge in enumerate(edges) if edge.source == source] for source in range(INPUT, len(stages))
    ]
    finishes = [finish_of(stage).emitted for stage in stages]
    _, height, width = placement.input_stream
    peak = _pull(
        _IMAGES,
        np.array([stage.windows for stage in stages], np.int64),
        first.astype(np.int64),
        np.array([edge.source for edge in edges], np.int64),
        np.array([field.pixels for field in fields], np.int64),
        _offsets([field.need for field in fields]),
        np.concatenate([field.need for field in fields]),
        np.concatenate([field.keep for field in fields]),
        _offsets(finishes),
        np.concatenate(finishes),
        np.array([width, height * width], np.int64),
        np.cumsum([0, *map(len, by_source)]).astype(np.int64),
        np.array([number for numbers in by_source for number in numbers], np.int64),
    )
    return [max(1, int(pixels)) for pixels in peak]


def _offsets(tables: list[Ints]) -> Ints:
    return np.cumsum([0, *map(len, tables)]).astype(np.int64)


@compiled
def _pull(
    images: int,
    windows: Ints,
    first: Ints,
    source: Ints,
    pixels: Ints,
    field: Ints,
    need: Ints,
    keep: Ints,
    finish: Ints,
    emitted: Ints,
    rows: Ints,
    consumer: Ints,
    consumers: Ints,
) -> Ints:
    """Return the largest number of pixels that each edge holds.

    first (S + 1,): edges of each stage; field (E + 1,), finish (S + 1,): where its tables stand in need, keep and
    emitted; rows: (pixels of an input row, of an image); consumer (S + 2,): where the edges that take each stream
    stand in `consumers`, the network's input first.
    """
    stages = len(windows)
    done, sent = np.zeros(stages, np.int64), np.zeros(stages + 1, np.int64)
    peak = np.zeros(len(source), np.int64)
    reader = np.empty(len(source), np.int64)
    for stage in range(stages):
        reader[first[stage] : first[stage + 1]] = stage
    asked, goal_pixels = np.empty(stages + 1, np.int64), np.zeros(stages + 1, np.int64)
    goal_windows = np.zeros(stages + 1, np.int64)
    # pull each image out of the last stage, then what no output needs, the last stage's first, then the input's rest
    for goal in range(images + stages + 1):
        asked[0] = stages - 1 if goal < images else stages - 1 - (goal - images)
        goal_pixels[0] = (goal + 1) * emitted[finish[stages] - 1] if goal < images else 0
        goal_windows[0] = 0 if goal < images or asked[0] < 0 else images * windows[asked[0]]
        if asked[0] < 0:
            goal_pixels[0] = images * rows[1]
        depth = 1
        while depth:
            stage = asked[depth - 1]
            before = sent[stage + 1]
            if stage < 0:
                if before >= goal_pixels[depth - 1]:
                    depth -= 1
                    continue
                sent[0] += rows[0]
            else:
                if before >= goal_pixels[depth - 1] and done[stage] >= goal_windows[depth - 1]:
                    depth -= 1
                    continue
                image, window = done[stage] // windows[stage], done[stage] % windows[stage]
                waits = False
                for edge in range(first[stage], first[stage + 1]):
                    wanted = need[field[edge] + window]
                    if wanted and sent[source[edge] + 1] < image * pixels[edge] + wanted:
                        asked[depth], goal_pixels[depth] = source[edge], image * pixels[edge] + wanted
                        goal_windows[depth] = 0
                        depth += 1
                        waits = True
                        break
                if waits:
                    continue
                done[stage] += 1
                sent[stage + 1] = image * emitted[finish[stage + 1] - 1] + emitted[finish[stage] + window]
            after = sent[stage + 1]
            if after == before:
                continue
            # rows come whole; pixels of a window one by one, each freed at once if nobody needs it
            held_from = before if stage < 0 else after - 1
            for place in range(consumer[stage + 1], consumer[stage + 2]):
                edge = consumers[place]
                turn = done[reader[edge]]
                count = windows[reader[edge]]
                low = turn // count * pixels[edge] + keep[field[edge] + turn % count]
                peak[edge] = max(peak[edge], after - min(held_from, low))
    return peak
