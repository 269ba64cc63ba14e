"""Images to learn from. Nothing here loads torch, unless a data set has to be downloaded."""

from sae_core.data.assets import asset
from sae_core.data.datasets import DATASETS, Dataset, check_dataset, load_images
from sae_core.data.digits import fixed_digits
from sae_core.data.downloads import Progress, data_folder
from sae_core.data.images import DataError, Images
from sae_core.data.own import Stored, absolute, check_own, is_own, label_of
from sae_core.data.planted import planted_images

__all__ = [
    "DATASETS",
    "DataError",
    "Dataset",
    "Images",
    "Progress",
    "Stored",
    "absolute",
    "asset",
    "check_dataset",
    "check_own",
    "data_folder",
    "fixed_digits",
    "is_own",
    "label_of",
    "load_images",
    "planted_images",
]
