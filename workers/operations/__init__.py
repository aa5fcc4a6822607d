"""Operations: diagnosis, health checks, backlog, metrics, costs and cleanup."""
