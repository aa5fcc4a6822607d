"""The operations, a module for each resource or few that belong together; what they answer is in :mod:`desk.schemas`."""
