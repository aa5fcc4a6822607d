"""Celery tasks, the tick, the supervisor, and working everything off in one process."""
