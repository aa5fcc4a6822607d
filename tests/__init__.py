"""Tests mirror the code's layout: ``tests/registry/cases/test_decisions.py`` tests ``registry/cases/decisions.py``."""

from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
ASSETS = Path(__file__).parent / "assets"
