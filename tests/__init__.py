"""Tests lie as the code does: ``tests/workers/cases/test_decisions.py`` is that of ``workers/cases/decisions.py``."""

from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
ASSETS = Path(__file__).parent / "assets"
