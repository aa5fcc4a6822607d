"""Strangers' picture files: opened within limits, in a helper process, and turned into pixels."""
