"""Outside witnesses: each says in its own way that a digest existed at a time, and each is checked offline."""
