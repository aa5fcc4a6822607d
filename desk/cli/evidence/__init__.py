"""The commands about bundles, keys, the log and checking."""
