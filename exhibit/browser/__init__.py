"""A browser without its own network access: launching, restarting, and loading pages in it."""
