"""The operations, a module for a resource or a few; what they answer is in :mod:`desk.schemas`."""
