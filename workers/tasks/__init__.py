"""Celery tasks, the tick, the supervisor, and synchronous execution in one process."""
