"""Runtime: Celery tasks, the tick, servers, health checks and backups. The work itself is in `registry`."""
