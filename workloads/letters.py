"""The 26 capital letters as characters of 7 x 7 pixels, and noisy copies of them.

The glyphs are drawn here: the task of Sun et al. (Materials 12(20):3451, 2019) was the alphabet in 7 x 7 character
images, whose pixels were not available. Left out: lower case, grey values, shifts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pillarsim.devices.streams import stream_seed

SIDE = 7  # pixels

_GLYPHS = """
..###..  #####..  ..####.  ####...  ######.  ######.  ..####.
.#...#.  #....#.  .#....#  #...#..  #......  #......  .#....#
#.....#  #....#.  #......  #....#.  #......  #......  #......
#.....#  #####..  #......  #....#.  #####..  #####..  #..####
#######  #....#.  #......  #....#.  #......  #......  #.....#
#.....#  #....#.  .#....#  #...#..  #......  #......  .#....#
#.....#  #####..  ..####.  ####...  ######.  #......  ..####.

#.....#  .#####.  ...####  #....#.  #......  #.....#  #.....#
#.....#  ...#...  .....#.  #...#..  #......  ##...##  ##....#
#.....#  ...#...  .....#.  #..#...  #......  #.#.#.#  #.#...#
#######  ...#...  .....#.  ###....  #......  #..#..#  #..#..#
#.....#  ...#...  .....#.  #..#...  #......  #.....#  #...#.#
#.....#  ...#...  #....#.  #...#..  #......  #.....#  #....##
#.....#  .#####.  .####..  #....#.  ######.  #.....#  #.....#

.#####.  #####..  .#####.  #####..  .#####.  #######  #.....#
#.....#  #....#.  #.....#  #....#.  #......  ...#...  #.....#
#.....#  #....#.  #.....#  #....#.  #......  ...#...  #.....#
#.....#  #####..  #.....#  #####..  .#####.  ...#...  #.....#
#.....#  #......  #..#..#  #..#...  ......#  ...#...  #.....#
#.....#  #......  #...##.  #...#..  ......#  ...#...  #.....#
.#####.  #......  .####.#  #....#.  .#####.  ...#...  .#####.

#.....#  #.....#  #.....#  #.....#  #######
#.....#  #.....#  .#...#.  .#...#.  .....#.
#.....#  #.....#  ..#.#..  ..#.#..  ....#..
.#...#.  #..#..#  ...#...  ...#...  ...#...
.#...#.  #.#.#.#  ..#.#..  ...#...  ..#....
..#.#..  ##...##  .#...#.  ...#...  .#.....
...#...  #.....#  #.....#  ...#...  #######
"""


def letters() -> NDArray[np.uint8]:
    """Return the letters A to Z, (26, 7, 7), 1 where there is ink."""
    blocks = [[line.split() for line in block.splitlines()] for block in _GLYPHS.strip().split("\n\n")]
    glyphs = [rows for block in blocks for rows in zip(*block, strict=True)]
    return np.array([[[pixel == "#" for pixel in row] for row in glyph] for glyph in glyphs], dtype=np.uint8)


def noisy_letters(copies: int, flipped: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return `copies` of each letter, `flipped` different pixels of each inverted, and their numbers 0 to 25.

    Images (26 copies, 7, 7), the copies of a letter one after another. Draws come from the stream `noisy letters` of
    `seed`. Raises ValueError for no copy, or a number of pixels that is not 0 to 49.
    """
    if copies < 1 or not 0 <= flipped <= SIDE**2:
        raise ValueError(f"expected at least 1 copy and 0 to {SIDE**2} pixels, found {copies} and {flipped}")
    images = np.repeat(letters().reshape(-1, SIDE**2), copies, axis=0)
    random = np.random.Generator(np.random.PCG64(stream_seed(seed, "noisy letters", flipped)))
    places = random.random(images.shape).argsort(axis=1)[:, :flipped]
    np.put_along_axis(images, places, 1 - np.take_along_axis(images, places, axis=1), axis=1)
    return images.reshape(-1, SIDE, SIDE), np.repeat(np.arange(26, dtype=np.int64), copies)
