"""Vectors of pictures, the change list of their indexes, and the models that compute the vectors."""
