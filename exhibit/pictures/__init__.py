"""Untrusted image files: decoding and metadata, within limits, in a sandboxed helper process."""
