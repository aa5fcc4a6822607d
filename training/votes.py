"""Create the codec of the local votes, ``indexer/models/votes.faiss``, without PyTorch: ``python -m training.votes``.

Lists and code book are centres of many descriptors each, from which no picture can be recognised. The same pictures and
seed result in the same file on the same type of machine.
"""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from indexer.picture.local_features import compute_local_features
from indexer.picture.spaces import STORED_LOCAL_FEATURES
from indexer.votes.codec import LIST_COUNTS, SHIPPED_CODEC, faiss, train_codec
from training.data import compute_category_weights, load_collection

MAX_SIDE = 512


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m training.votes", description="Create the codec of the local votes."
    )
    parser.add_argument("--photos", type=Path, nargs="+", required=True, help="folders of pictures, with LICENSES.csv")
    parser.add_argument("--held-out", nargs="*", default=[], help="sources to exclude")
    parser.add_argument(
        "--pictures", type=int, default=500, help="number of pictures, drawn by category (default: 500)"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=SHIPPED_CODEC)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    sample = sample_features(options.photos, options.held_out, options.pictures, options.seed)
    codec = train_codec(sample, LIST_COUNTS[0][1], options.seed)
    faiss.write_index(codec, str(options.out))
    logging.getLogger(__name__).info("%d descriptors in %s", len(sample), options.out)


def sample_features(folders: Sequence[Path], held_out: Sequence[str], pictures: int, seed: int) -> NDArray[np.uint8]:
    """Return local features of pictures in the format of registration, uint8, shape (n, 128)."""
    collection = load_collection(folders, held_out, 0, seed)
    weights = compute_category_weights([collection.pictures[index] for index in collection.training])
    count = min(pictures, len(collection.training))
    indices = np.random.default_rng(seed).choice(collection.training, count, replace=False, p=weights)
    return np.concatenate([_local_descriptors(collection.pixels[index]) for index in np.sort(indices)])


def _local_descriptors(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
    factor = MAX_SIDE / max(grey.shape)
    if factor < 1:
        size = (max(1, round(grey.shape[1] * factor)), max(1, round(grey.shape[0] * factor)))
        grey = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)
    return compute_local_features(grey, (grey.shape[1], grey.shape[0]), STORED_LOCAL_FEATURES).descriptors


if __name__ == "__main__":
    main()
