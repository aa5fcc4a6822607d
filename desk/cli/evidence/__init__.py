"""The commands about bundles, keys, the log and checking; each module has its command's name, the others are their parts."""
