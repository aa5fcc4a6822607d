"""Files: atomic writes, blobs stored by digest, and folders that are private to one user."""
