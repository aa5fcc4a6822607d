"""Drawings that illustrate a comparison."""
