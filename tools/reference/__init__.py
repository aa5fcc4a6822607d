"""The reference, made from the code: ``make reference`` writes its pages into a folder of docs that git ignores."""

from pathlib import Path

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
