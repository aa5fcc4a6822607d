"""Index of local votes, which finds works that share details with a picture."""
