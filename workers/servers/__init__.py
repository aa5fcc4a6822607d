"""The embedded servers and Exhibit's processes: start, discovery, supervision and stop."""
