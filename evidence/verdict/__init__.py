"""What checking a bundle says: checks, grades, and the pinned list of whose word counts."""
