"""One file a step, each given its ports."""
