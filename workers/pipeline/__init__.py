"""How messages travel (the Celery app), and what work takes. Which jobs there are says `registry.jobs`."""
