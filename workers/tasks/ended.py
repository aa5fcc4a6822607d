"""Free what processes held that have ended."""

from registry import jobs
from registry.db import running, steps


def release_ended() -> int:
    """Free the rows of processes that were killed, here or on machines that are gone; return how many were freed."""
    return steps.release_ended([job.rows for job in jobs.with_rows()], running.silent_hosts)
