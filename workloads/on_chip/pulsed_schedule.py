"""When what happens: which images a step shows, and what is due before and after it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Schedule"]

_FIRST_AGAIN = 8  # steps after which ranges are set again in the first epoch, then twice as many; assumed


@dataclass(frozen=True)
class Schedule:
    """images: of an epoch; batch: of a step, the last of an epoch may be smaller; refresh: images between two."""

    images: int
    batch: int
    refresh: int | None

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return -(-self.images // self.batch)

    def seen(self, step: int) -> int:
        """Images of the first `step` steps."""
        epoch, number = divmod(step, self.steps)
        return epoch * self.images + number * self.batch

    def shown(self, step: int, steps: int) -> slice:
        """Places in the epoch's order of the images of `steps` steps, the first of them `step`."""
        number = step % self.steps
        return slice(number * self.batch, min((number + steps) * self.batch, self.images))

    def calibrates(self, step: int) -> bool:
        """Whether ranges are set before a step: the first of an epoch, and in the first epoch after 8, 16, 32 ..."""
        epoch, number = divmod(step, self.steps)
        return number == 0 or (epoch == 0 and number >= _FIRST_AGAIN and number & (number - 1) == 0)

    def refreshes(self, steps: int) -> bool:
        """Whether a refresh is due after the first `steps` steps: the last took the images over a multiple."""
        return self.refresh is not None and self.seen(steps) // self.refresh != self.seen(steps - 1) // self.refresh

    def together(self, step: int, most: int) -> int:
        """Steps from `step` on, at most `most`, of whole batches with nothing due between them; at least 1."""
        count = 1
        while (
            count < most
            and not self.calibrates(step + count)
            and not self.refreshes(step + count)
            and self.shown(step, count + 1).stop - self.shown(step, count).stop == self.batch
        ):
            count += 1
        return count
