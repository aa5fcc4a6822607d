"""Contributors' machines: accounts, leases, results, and their verification.

Results are kept apart from this installation's own observations; docs/reference/edge.md explains how they are verified.
"""
