"""Tests lie as the code does: ``tests/registry/cases/test_decisions.py`` is that of ``registry/cases/decisions.py``."""

from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
ASSETS = Path(__file__).parent / "assets"
