"""One device seed: chunks of steps, epochs, checkpoints, and what ends a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pillarsim.arch.errors import InputError
from pillarsim.arch.training.counts import StepCounts
from pillarsim.training.seed import Learned, train_seed
from pillarsim.training.store import Held, Kept, check_folder_is_free
from tests.training.fakes import FEW, FakeClock, FakeLearner

STEPS = 130  # an epoch: one chunk of 100 steps and one of 30
IDENTITY = {"chip": "a", "pillarsim": "0.1.0"}


class Cut(Exception):
    """Stands for the end of the process."""


def trained(
    learner: FakeLearner, clock: FakeClock, kept: Kept | None = None, *, epochs: int = 3, cut_at: int = -1
) -> Learned:
    """Train with a checkpoint after every chunk; `cut_at`: the step at which the process ends."""

    def progress(done: int, total: int) -> None:
        assert total == epochs * learner.steps_per_epoch
        if done == cut_at:
            raise Cut

    held = None if kept is None else kept.load()
    return train_seed(learner, clock, FEW, epochs, learner.batch, kept, held, 0.0, progress)


def test_chunks_begin_anew_with_each_epoch() -> None:
    """A chunk is 1000 images or what is left of the epoch; accuracy and loss are noted once an epoch."""
    learner = FakeLearner(STEPS)
    found = trained(learner, FakeClock(), epochs=2)
    assert learner.chunks == [(0, 100), (100, 30), (130, 100), (230, 30)]
    assert len(found.accuracy) == len(found.loss) == 2
    assert found.accuracy[-1] == learner.weight


def test_the_loss_of_an_epoch_is_the_mean_over_its_images() -> None:
    """Chunks count by their images: with a learner whose loss is its weight, the mean of all 130 weights."""
    weights, weight = [], 0.125
    for step in range(STEPS):
        weight = (3.7 * weight * (1 - weight) + 0.001 * (step % 7)) % 1.0
        weights.append(weight)
    assert trained(FakeLearner(STEPS), FakeClock(), epochs=1).loss[0] == pytest.approx(np.mean(weights), rel=1e-12)


@pytest.mark.parametrize("cut_at", [0, 100, 130, 230, 260, 360])
def test_a_cut_run_ends_where_an_unbroken_one_ends(tmp_path: Path, cut_at: int) -> None:
    """Cut within and at the end of epochs, and before the first step: the same numbers, and the same events."""
    clock = FakeClock()
    unbroken = trained(FakeLearner(STEPS), clock)
    kept = Kept.of(tmp_path, 0, IDENTITY)
    with pytest.raises(Cut):
        trained(FakeLearner(STEPS), FakeClock(), kept, cut_at=cut_at)
    resumed, again = FakeLearner(STEPS), FakeClock()
    assert trained(resumed, again, kept) == unbroken
    assert resumed.chunks[0][0] == cut_at
    assert again.digest.tobytes() == clock.digest.tobytes()


def test_more_epochs_go_on_from_a_finished_run(tmp_path: Path) -> None:
    """Two epochs and then a third are three epochs; fewer than are done is refused; the same number does nothing."""
    unbroken, kept = trained(FakeLearner(STEPS), FakeClock()), Kept.of(tmp_path, 0, IDENTITY)
    trained(FakeLearner(STEPS), FakeClock(), kept, epochs=2)
    assert trained(FakeLearner(STEPS), FakeClock(), kept) == unbroken
    idle = FakeLearner(STEPS)
    assert trained(idle, FakeClock(), kept) == unbroken
    assert idle.chunks == []
    with pytest.raises(InputError, match="--epochs: 3 are done already: expected at least as many, found 2"):
        trained(FakeLearner(STEPS), FakeClock(), kept, epochs=2)


def test_states_are_written_by_the_clock_on_the_wall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With much time between states, only the ends of epochs are kept."""
    written: list[int] = []
    monkeypatch.setattr(Kept, "save", lambda kept, held: written.append(held.steps))
    kept = Kept.of(tmp_path, 0, IDENTITY)
    train_seed(FakeLearner(STEPS), FakeClock(), FEW, 2, 10, kept, None, 1e9, lambda done, total: None)
    assert written == [130, 260]
    written.clear()
    train_seed(FakeLearner(STEPS), FakeClock(), FEW, 2, 10, kept, None, 0.0, lambda done, total: None)
    assert written == [100, 130, 230, 260]


def test_a_loss_that_is_no_number_ends_the_run_and_keeps_the_last_state(tmp_path: Path) -> None:
    """The message says where, and where the last good state is; the file holds it."""
    kept = Kept.of(tmp_path, 0, IDENTITY)
    with pytest.raises(
        InputError, match=r"the loss is not a number; epoch 2, within steps 1 to 100 of 130; .* kept in .*seed_0"
    ):
        trained(FakeLearner(STEPS, nan_at=150), FakeClock(), kept)
    held = kept.load()
    assert held is not None
    assert held.steps == 130
    with pytest.raises(InputError, match=r"epoch 1, within steps 1 to 100 of 130$"):
        trained(FakeLearner(STEPS, nan_at=3), FakeClock())


def test_devices_at_their_bounds_after_one_epoch_are_refused(tmp_path: Path) -> None:
    """80 % of the updated ones in every layer: refused, the last state of within the epoch kept."""
    kept = Kept.of(tmp_path, 0, IDENTITY)
    with pytest.raises(
        InputError, match=r"--learning-rate: the first epoch has saturated .* 80 % .* a lower rate; the l"
    ):
        trained(FakeLearner(STEPS, saturated=(0.45, 0.8)), FakeClock(), kept)
    held = kept.load()
    assert held is not None
    assert held.steps == 100
    assert trained(FakeLearner(STEPS, saturated=(0.45, 0.3)), FakeClock(), epochs=1).accuracy


def test_devices_of_two_states_are_no_saturation() -> None:
    """What is at a bound before the first step does not count."""
    always = FakeLearner(STEPS, saturated=(0.5, 1.0), from_start=True)
    assert len(trained(always, FakeClock(), epochs=1).accuracy) == 1


def test_checkpoints_of_others_and_damaged_ones(tmp_path: Path) -> None:
    """Another chip, version, device seed; a truncated file; another schema version: refused, the file stays."""
    kept = Kept.of(tmp_path, 0, IDENTITY)
    trained(FakeLearner(STEPS), FakeClock(), kept, epochs=1)
    whole = kept.path.read_bytes()
    for other, message in (
        ({**IDENTITY, "chip": "b"}, "another training run: chip a, this run has b$"),
        ({**IDENTITY, "pillarsim": "0.2.0"}, "another training run: pillarsim 0.1.0, this run has 0.2.0$"),
        ({"pillarsim": "0.1.0"}, "another training run: chip a, this run has None$"),
    ):
        with pytest.raises(InputError, match=message):
            Kept.of(tmp_path, 0, other).load()
    kept.path.parent.rename(tmp_path / "seed_1")
    with pytest.raises(InputError, match=r"another training run: device seed 0, this run has 1$"):
        Kept.of(tmp_path, 1, IDENTITY).load()
    kept.path.parent.mkdir()
    kept.path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="not a readable checkpoint, perhaps truncated or damaged"):
        kept.load()
    assert kept.path.read_bytes() == whole[: len(whole) // 2]


def test_a_state_comes_back_as_it_was_or_not_at_all(tmp_path: Path) -> None:
    """Every array with its type and shape; one flipped bit in them is refused."""
    kept = Kept.of(tmp_path, 0, IDENTITY)
    arrays = {"whole": np.arange(600), "bits": np.array([[True, False]]), "one": np.array(2.5, np.float32)}
    kept.save(Held(7, (0.1,), (0.2,), 0.3, 4, arrays, {"state": np.array([1, 2], np.uint64)}))
    held = kept.load()
    assert held is not None
    assert (held.steps, held.accuracy, held.loss, held.loss_sum, held.images) == (7, (0.1,), (0.2,), 0.3, 4)
    for name, array in arrays.items():
        assert held.learner[name].dtype == array.dtype
        np.testing.assert_array_equal(held.learner[name], array)
    assert held.clock["state"].dtype == np.uint64
    content = bytearray(kept.path.read_bytes())
    content[content.index(np.arange(300, 310).tobytes())] ^= 1
    kept.path.write_bytes(content)
    with pytest.raises(InputError, match="perhaps truncated or damaged"):
        kept.load()


def test_a_fresh_run_does_not_overwrite_a_checkpoint(tmp_path: Path) -> None:
    """A folder that holds one is refused with the way out; an empty one and one that is not there are not."""
    check_folder_is_free(tmp_path / "none")
    check_folder_is_free(tmp_path)
    trained(FakeLearner(STEPS), FakeClock(), Kept.of(tmp_path, 2, IDENTITY), epochs=1)
    with pytest.raises(InputError, match=r"seed_2.*is there already: expected --resume to go on from it, or another"):
        check_folder_is_free(tmp_path)


class LongClock(FakeClock):
    """A clock whose numbers hold the first weights' writing and no step."""

    def program(self, counts: StepCounts) -> None:
        """Take it."""

    def add(self, counts: StepCounts) -> None:
        """Refuse every step."""
        raise InputError("the run takes too long")


def test_what_the_clock_refuses_has_its_place_too() -> None:
    """A message of the event model says in which steps, as one of the learner does."""
    with pytest.raises(InputError, match=r"the run takes too long; epoch 1, within steps 1 to 100 of 130$"):
        trained(FakeLearner(STEPS), LongClock())
