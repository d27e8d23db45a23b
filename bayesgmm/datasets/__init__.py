"""Small classic data sets, shipped with the package: load one with `load_dataset`."""

from bayesgmm.datasets.loader import DATASETS, Dataset, dataset_names, load_dataset

__all__ = ["DATASETS", "Dataset", "dataset_names", "load_dataset"]
