"""Removal: which bytes are kept and for how long, purges, reported pictures, and samples that are taken away."""
