"""The index of local votes: which works share details with a picture."""
