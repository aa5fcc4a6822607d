"""A larger collection of images for some tests. Set ``BENCH_DATA`` to its folder."""

import os
from pathlib import Path

import pytest


def shared_data(name: str) -> Path:
    """Return a folder of the collection, or skip the test if it is missing."""
    folder = Path(os.environ.get("BENCH_DATA", "")) / name
    if not os.environ.get("BENCH_DATA") or not folder.is_dir():
        pytest.skip(f"BENCH_DATA names no folder with {name}")
    return folder
