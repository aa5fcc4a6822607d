"""Untrusted image files: opened within limits, in a helper process, and decoded into pixels."""
