"""The letters: distinct, legible enough to be learned by one layer, and their noisy copies."""

import numpy as np
import pytest

from pillarsim.arch.errors import InputError
from pillarsim.workloads.datasets import load_dataset
from pillarsim.workloads.letters import letters, noisy_letters
from pillarsim.workloads.topology import load_network


def test_letters_are_distinct() -> None:
    """26 images of 7 x 7, any two at least 3 pixels apart; with a constant they are linearly independent."""
    flat = letters().reshape(26, 49).astype(int)
    apart = (flat[:, None] != flat[None]).sum(axis=2)
    assert apart[~np.eye(26, dtype=bool)].min() == 3
    assert np.linalg.matrix_rank(np.column_stack([flat, np.ones(26)])) == 26
    assert set(np.unique(flat)) == {0, 1}


def test_letters_look_like_letters() -> None:
    """Some that are known by their shape: symmetric ones, and L in a corner."""
    images = {chr(65 + number): image for number, image in enumerate(letters())}
    for name in "AHIMOTUVWXY":
        np.testing.assert_array_equal(images[name], images[name][:, ::-1], err_msg=name)
    for name in "HIOX":
        np.testing.assert_array_equal(images[name], images[name][::-1], err_msg=name)
    assert images["L"][:, 0].all()
    assert images["L"].sum() == 7 + 5


def test_noisy_letters() -> None:
    """Exactly so many pixels of each copy are inverted, different ones; the seed decides which."""
    images, labels = noisy_letters(10, 3, seed=1)
    assert labels.tolist() == [number for number in range(26) for _ in range(10)]
    changed = images != letters()[labels]
    assert (changed.sum(axis=(1, 2)) == 3).all()
    assert len(np.unique(changed.reshape(260, 49), axis=0)) > 250
    np.testing.assert_array_equal(images, noisy_letters(10, 3, seed=1)[0])
    assert (images != noisy_letters(10, 3, seed=2)[0]).any()
    np.testing.assert_array_equal(noisy_letters(1, 0, seed=1)[0], letters())
    np.testing.assert_array_equal(noisy_letters(1, 49, seed=1)[0], 1 - letters())
    for copies, flipped in ((0, 1), (1, 50), (1, -1)):
        with pytest.raises(ValueError, match="expected at least 1 copy and 0 to 49 pixels"):
            noisy_letters(copies, flipped, seed=1)


def test_dataset_and_network() -> None:
    """The letters by name, the same for training and test, and the network that learns them."""
    train, test = (load_dataset("letters7x7", split) for split in ("train", "test"))
    assert train.images.shape == (26, 1, 7, 7)
    np.testing.assert_array_equal(train.images, test.images)
    np.testing.assert_array_equal(train.images[:, 0], letters())
    assert train.labels.tolist() == list(range(26))
    assert load_dataset("letters7x7", "train", 3).labels.tolist() == [0, 1, 2]
    with pytest.raises(InputError, match="expected 1 to 26 images of letters7x7"):
        load_dataset("letters7x7", "train", 27)
    network = load_network("letters-perceptron")
    assert (network.dataset, network.trained, network.weights, network.macs) == ("letters7x7", False, 1300, 1274)
