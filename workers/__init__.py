"""How things run: Celery's tasks and the tick, the servers, health, retention, backups. What happens is in `registry`."""
