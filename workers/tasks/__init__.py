"""Celery tasks, the tick, the supervisor, and synchronous execution of all jobs in one process."""
