"""Benchmarks of Exhibit and comparable programs."""
