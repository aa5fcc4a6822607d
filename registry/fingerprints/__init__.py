"""Vectors of pictures, the change list of their indexes, and the networks that describe pictures."""
