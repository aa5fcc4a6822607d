"""The pages in docs/reference, made from the code: ``python -m tools.reference`` writes them, and a test compares.

What code can't say is written on a page itself and stays there: what stands before its first heading, and what each
module names. Where such words lack, the page gets ``?``, which the test refuses.
"""

from pathlib import Path

FOLDER = Path(__file__).parents[2] / "docs" / "reference"


def head(page: Path) -> str:
    """What stands on a page before its first heading."""
    return page.read_text("utf-8").partition("\n## ")[0].rstrip() + "\n"
