"""Reference pages generated from the code by ``make reference``.

They are in ``docs/reference/``, which also contains pages written by hand. ``.gitignore`` lists each generated page.
"""

from pathlib import Path

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
