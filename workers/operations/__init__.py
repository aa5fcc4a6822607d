"""Whether all is well: doctor, health, backlog, metrics, cost; what expires."""
