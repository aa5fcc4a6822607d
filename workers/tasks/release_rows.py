"""Release of rows claimed by processes that have ended."""

from registry import jobs
from registry.db import heartbeats, steps


def release_rows_of_ended_processes() -> int:
    """Release the rows of processes that were killed, on this machine or on lost ones; return their number."""
    return steps.release_ended([job.model for job in jobs.list_periodic_jobs()], heartbeats.find_silent_hosts)
