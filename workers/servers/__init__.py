"""Start, discovery, supervision and stop of the embedded servers and of Exhibit's processes."""
