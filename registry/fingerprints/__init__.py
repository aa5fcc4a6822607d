"""Picture vectors, the change list of their indexes, and the networks that compute them."""
