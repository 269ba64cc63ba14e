"""The data sets that need no network, and the numbers that everything else is measured against."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from sae_core.data import DATASETS, DataError, Images, fixed_digits, load_images, planted_images


@pytest.fixture(scope="module")
def mnist() -> Images:
    return load_images("mnist")


def test_mnist_is_whole(mnist: Images):
    """60,000 and 10,000 images in [0, 1], flattened, float32, contiguous."""
    assert mnist.train.shape == (60_000, 784)
    assert mnist.test.shape == (10_000, 784)
    assert mnist.train.dtype == mnist.test.dtype == np.float32
    assert mnist.train.flags.c_contiguous
    assert (mnist.train.min(), mnist.train.max()) == (0.0, 1.0)


def test_mnist_has_the_classes_its_authors_counted(mnist: Images):
    """The training set has 5,923 zeros, 6,742 ones …, the test set 980 and 1,135."""
    assert np.bincount(mnist.train_labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(mnist.test_labels)[:2].tolist() == [980, 1135]


def test_mean_and_variance_are_those_of_mnist(mnist: Images):
    """The mean pixel is .1307, as every tutorial has it, and mean‖x − mean‖² is 52.725."""
    assert mnist.mean.mean() == pytest.approx(0.1307, abs=5e-5)
    assert mnist.variance == pytest.approx(52.725, abs=1e-3)


def test_mean_and_variance_of_two_pixels_by_hand():
    """Of (0, 0) and (1, .5) the mean is (.5, .25), from which each is √(.25 + .0625) away."""
    x = np.array([[0.0, 0.0], [1.0, 0.5]], np.float32)
    images = Images.of("two", x, None, x, None, image_shape=(1, 2))
    assert images.mean.tolist() == [0.5, 0.25]
    assert images.variance == pytest.approx(0.3125)


def test_digits_come_from_scikit_learn():
    """1,797 of them, the last fifth for testing, the brightest pixel 1."""
    images = load_images("digits")
    assert (len(images.train), len(images.test)) == (1437, 360)
    assert images.image_shape == (8, 8)
    assert images.train.max() == 1.0


def test_planted_images_are_sums_of_their_atoms():
    """Without noise each image is four strokes: least squares on the atoms leaves nothing, and finds no fifth."""
    images = planted_images(seed=3, n_train=50, n_test=5, noise=0.0)
    assert images.atoms is not None
    codes, *_ = np.linalg.lstsq(images.atoms.T, images.train.T, rcond=None)
    assert np.abs(images.atoms.T @ codes - images.train.T).max() < 1e-5
    assert ((codes > 1e-3).sum(axis=0) == 4).all()


def test_planted_atoms_have_unit_norm_and_differ():
    """No two overlap by more than .6."""
    atoms = planted_images(n_train=10, n_test=1).atoms
    assert atoms is not None
    overlaps = atoms @ atoms.T
    assert np.diag(overlaps) == pytest.approx(1.0)
    assert (overlaps - np.eye(len(atoms))).max() < 0.6


def test_planted_images_repeat_with_their_seed():
    """The same seed gives the same images, another gives others."""
    one, same, other = (planted_images(seed, n_train=20, n_test=2).train for seed in (1, 1, 2))
    assert (one == same).all()
    assert (one != other).any()


def test_more_strokes_than_there_is_room_for_are_refused():
    """Rather than looked for without end."""
    with pytest.raises(ValueError, match="n_atoms is 5000, but only"):
        planted_images(n_train=1, n_test=1, n_atoms=5000)


def test_fixed_digits_are_the_first_eight_and_two_strangers(mnist: Images):
    """7 2 1 0 4 1 4 9, then static and the fifth digit, a 4, turned."""
    x, names = fixed_digits(mnist)
    assert names == ("7", "2", "1", "0", "4", "1", "4", "9", "static", "4, turned")
    assert (x[:8] == mnist.test[:8]).all()
    assert (np.rot90(x[9].reshape(28, 28), -1) == mnist.test[4].reshape(28, 28)).all()


def test_the_static_is_centred_and_always_the_same(mnist: Images):
    """14 by 14 random pixels in the middle, black around."""
    x, _ = fixed_digits(mnist)
    static = x[8].reshape(28, 28)
    assert (static[7:21, 7:21] > 0).mean() > 0.99
    assert static.sum() == pytest.approx(static[7:21, 7:21].sum())
    assert (fixed_digits(mnist)[0][8] == x[8]).all()


def test_fixed_digits_without_labels_are_numbered():
    """Planted images have no classes."""
    _, names = fixed_digits(planted_images(n_train=5, n_test=8))
    assert names[0] == "image 1"


def test_an_unknown_data_set_is_one_sentence_naming_the_others():
    """What was asked for, and what there is."""
    with pytest.raises(DataError, match=r"no data set 'mist'; there are mnist, fashion-mnist, .*planted, or a path"):
        load_images("mist")


@pytest.mark.parametrize("name", [name for name, dataset in DATASETS.items() if dataset.make])
def test_declared_shapes_hold(name: str):
    """A data set looks as it says before it is loaded."""
    images = load_images(name)
    assert images.image_shape == DATASETS[name].image_shape
    assert images.n_pixels == np.prod(images.image_shape)


def test_no_torch_is_loaded_for_what_is_at_hand():
    """The server, which never trains, reads MNIST without it."""
    program = "import sys; from sae_core.data import load_images; load_images(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
