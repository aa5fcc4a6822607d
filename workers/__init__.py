"""How things run: Celery's tasks and the tick, the servers, health, backups. What happens is in `registry`."""
