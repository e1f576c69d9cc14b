"""Bit planes of the rows of each window, as lists of the partial sums that the table look-up adds up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pillarsim.arch.compute.vectors import LANES, UNROLL, list_patterns, plane_masks
from pillarsim.arch.compute.windows import Windows
from pillarsim.devices.jit import compiled

ROWS_PER_TABLE = 4  # rows whose 16 partial sums are looked up at once
WINDOWS_SORTED = 64  # enough for long runs of lists of one length


@dataclass(frozen=True, eq=False)
class BitLists:
    """Which partial sums each bit plane of each window needs, for one row group.

    entries: first words of lines of the table (16 patterns of LANES words for every 4 rows), patterns of zeros left
    out, each list filled up with entry 0 (a zero) to a multiple of UNROLL; lists (W * T, 5): where a list starts and
    stops in entries, its window, its plane, and how many lower planes of the window drive a row; the lists of every
    WINDOWS_SORTED windows are sorted by length, since a processor guesses the end of a loop best that is as long as
    the one before; ones (W, T): driven rows, or (W, 0) where nobody asked.
    """

    entries: NDArray[np.int32]
    lists: NDArray[np.int32]
    ones: NDArray[np.int64]


def table_words(rows: int) -> int:
    """Words of the table of partial sums of LANES columns of a row group."""
    return 16 * LANES * -(-rows // ROWS_PER_TABLE)


def aligned_words(count: int) -> NDArray[np.int32]:
    """`count` words in which no vector lies on two lines of the cache."""
    words = np.empty(count + LANES, np.int32)
    first = -(words.ctypes.data // words.itemsize) % LANES
    return words[first : first + count]


def bit_lists(windows: Windows, group: tuple[int, int], bits: int, want_ones: bool) -> BitLists:
    """Bit planes (two's complement patterns, lowest first) of the rows `group` of all windows."""
    rows = windows.offsets[group[0] : group[1]]
    count = len(windows.bases)
    room = -(-len(rows) // ROWS_PER_TABLE) + UNROLL
    found = BitLists(
        # A pattern of zeros is written over by the next one; behind the last list it takes a word more.
        np.empty(count * bits * room + 1, np.int32),
        np.empty((count * bits, 5), np.int32),
        np.empty((count, bits if want_ones else 0), np.int64),
    )
    _fill_bit_lists(windows.codes, windows.bases, rows.astype(np.uint64), bits, found.entries, found.lists, found.ones)
    return found


@compiled
def _ones(mask: np.uint64) -> np.uint64:
    """Bits that are 1 in a word."""
    mask = mask - ((mask >> np.uint64(1)) & np.uint64(0x5555555555555555))
    mask = (mask & np.uint64(0x3333333333333333)) + ((mask >> np.uint64(2)) & np.uint64(0x3333333333333333))
    mask = (mask + (mask >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.uint64(mask * np.uint64(0x0101010101010101)) >> np.uint64(56)


@compiled
def _fill_bit_lists(
    codes: NDArray[np.int32],
    bases: NDArray[np.int64],
    rows: NDArray[np.uint64],
    planes: int,
    entries: NDArray[np.int32],
    lists: NDArray[np.int32],
    ones: NDArray[np.int64],
) -> None:
    number = len(rows)
    words = (number + 63) // 64
    lane = np.zeros(64, np.uint8)
    masks = np.empty((words, 8), np.uint64)
    starts = np.empty(WINDOWS_SORTED * planes + 1, np.int32)
    n = 0
    for first in range(0, len(bases), WINDOWS_SORTED):
        count = min(WINDOWS_SORTED, len(bases) - first)
        for i in range(count):
            here = codes[bases[first + i] :]
            for low in range(0, planes, 8):
                for word in range(words):
                    _gather_bytes(here, rows[64 * word : 64 * word + 64], low, lane)
                    plane_masks(lane, masks[word])
                for t in range(low, min(low + 8, planes)):
                    starts[i * planes + t] = n
                    for word in range(words):
                        mask = masks[word, t - low]
                        for row in range(64 * word, min(64 * word + 64, number), 32):
                            n = list_patterns(mask, row // ROWS_PER_TABLE * 16 * LANES, entries, n)
                            mask >>= np.uint64(32)
                    for k in range(UNROLL - 1):
                        entries[n + k] = 0
                    n += -n % UNROLL
                    if ones.shape[1] > 0:
                        ones[first + i, t] = 0
                        for word in range(words):
                            ones[first + i, t] += np.int64(_ones(masks[word, t - low]))
        starts[count * planes] = n
        _sort_lists(starts[: count * planes + 1], first, planes, lists[first * planes : (first + count) * planes])


@compiled
def _gather_bytes(here: NDArray[np.int32], rows: NDArray[np.uint64], low: int, lane: NDArray[np.uint8]) -> None:
    for r in range(len(rows)):
        lane[r] = np.uint8(here[rows[r]] >> low)
    lane[len(rows) :] = 0


@compiled
def _sort_lists(starts: NDArray[np.int32], first_window: int, planes: int, lists: NDArray[np.int32]) -> None:
    """Sort by length, shortest first; equal ones keep their order."""
    longest = 0
    for i in range(len(lists)):
        longest = max(longest, starts[i + 1] - starts[i])
    place = np.zeros(longest + 2, np.int64)
    for i in range(len(lists)):
        place[starts[i + 1] - starts[i] + 1] += 1
    for length in range(1, longest + 2):
        place[length] += place[length - 1]
    i = 0
    for w in range(first_window, first_window + len(lists) // planes):
        rank = 0
        for t in range(planes):
            length = starts[i + 1] - starts[i]
            at = place[length]
            lists[at, 0], lists[at, 1], lists[at, 2], lists[at, 3], lists[at, 4] = starts[i], starts[i + 1], w, t, rank
            place[length] += 1
            rank += length > 0
            i += 1
