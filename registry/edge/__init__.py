"""Contributors' machines: accounts, leases, results, and their verification.

Results are kept apart from this installation's own observations; docs/edge.md explains how they are verified.
"""
