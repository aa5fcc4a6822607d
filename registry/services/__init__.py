"""The ports of one process, and the adapters that the configuration selects."""
