"""The commands about bundles, keys, the log and checking: a module of its name for each, and parts of them."""
