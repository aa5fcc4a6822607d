"""Django models and all database queries. No other top-level package uses the ORM."""
