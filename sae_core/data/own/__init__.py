"""Data of one's own: a file of arrays or a folder of pictures, by its path in the place of a data set's name.

    strokes.npy  strokes.npz  strokes.mat     arrays of images or vectors, samples on the first axis
    train-images-idx3-ubyte[.gz]              IDX, with its labels and test files where they lie beside it
    pictures/                                 .png, .jpg, …, in subfolders by class or all in one; also train/, test/

(n, height, width) are grey images, (n, height, width, 3) and (n, 3, height, width) colour ones (a fourth channel,
alpha, is dropped), (n, d) vectors without a picture, unless they are 8-bit and d is a square, or the path ends in how
to draw them: ``strokes.npy:28x28``, ``strokes.npz:32x32x3``.

Keys of .npz and .mat: ``x_train``, ``train``, ``x``, ``images``, ``X`` or ``data`` for the images, or the only array
with as many dimensions; ``x_test`` or ``test``; ``y_train``, ``y``, ``labels`` or ``targets``; ``y_test`` or
``test_labels``. Beside ``strokes.npy``, ``strokes_labels.npy`` or ``labels.npy`` is read. Labels may be any whole
numbers or words. Without test images a sixth, at most 10,000, is held out at random, always the same.

Scaling into [0, 1], one map for the whole set: 8- and 16-bit unsigned numbers are divided by 255 and 65,535; what
already lies in [0, 1] stays; all else is mapped by (x − lowest)/(highest − lowest).

What takes more than `IN_MEMORY` as float32 stays in its file, memory-mapped, and is read a batch at a time (`Stored`):
.npy, .npz that is not compressed, and IDX that is not. Nothing is ever unpickled: arrays of objects are refused.
"""

from sae_core.data.own.load import IN_MEMORY, load_own
from sae_core.data.own.path import SUFFIXES, absolute, check_own, is_own, label_of
from sae_core.data.own.stored import Stored

__all__ = ["IN_MEMORY", "SUFFIXES", "Stored", "absolute", "check_own", "is_own", "label_of", "load_own"]
