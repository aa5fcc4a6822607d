"""Message transport (the Celery app) and resource metering. The jobs are declared in `registry.jobs`."""
