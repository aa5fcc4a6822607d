"""The commands that keep an installation up, and the operator's rules."""
