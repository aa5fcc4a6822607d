"""Vector indexes: in memory, in segments on disk, and in inverted lists for many millions of vectors."""
