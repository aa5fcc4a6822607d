"""Vector indexes: in memory, in segments on disk, and in lists for many millions."""
