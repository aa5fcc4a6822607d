"""Memory that work on pictures frees stays with its process, which asks for as much again at the next picture."""

import ctypes

MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1
"""Parameters of mallopt(3)."""
LARGEST, KEPT = 32 << 20, 64 << 20
"""Bytes of the largest piece that is kept, and of all: where glibc arrives by itself once such a piece was freed."""


def keep_freed_memory() -> None:
    """Let this process keep what it frees, as far as its C library can be told so (glibc).

    Given back to the kernel piece by piece and asked for again, new pages cost as much as the arithmetic on them.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(MMAP_THRESHOLD, LARGEST)
        mallopt(TRIM_THRESHOLD, KEPT)
