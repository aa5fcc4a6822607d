"""Benchmarks of Exhibit and of comparable programs."""
