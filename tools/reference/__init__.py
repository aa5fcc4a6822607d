"""Reference pages generated from the code by ``make reference``.

They are in ``docs/reference/`` beside the pages written by hand; git ignores them, one by one.
"""

from pathlib import Path

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
