"""A larger collection of pictures that some tests use when it is there: name its folder in ``BENCH_DATA``."""

import os
from pathlib import Path

import pytest


def shared_data(name: str) -> Path:
    """A folder of the collection; skips the test when it isn't there."""
    folder = Path(os.environ.get("BENCH_DATA", "")) / name
    if not os.environ.get("BENCH_DATA") or not folder.is_dir():
        pytest.skip(f"BENCH_DATA names no folder with {name}")
    return folder
