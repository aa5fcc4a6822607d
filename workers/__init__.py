"""Runtime: Celery tasks, the tick, servers, health checks and backups. The jobs themselves are in `registry`."""
