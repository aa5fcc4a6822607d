"""Reference documentation generated from the code by ``make reference``, into a folder of docs that git ignores."""

from pathlib import Path

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
