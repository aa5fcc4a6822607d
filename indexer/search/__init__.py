"""Search from a picture to the works that it shows: candidates, their order, and whole folders."""
