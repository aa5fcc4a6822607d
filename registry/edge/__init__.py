"""Contributors' machines: accounts, leases, results, and their verification.

Results are kept separate from this installation's own observations; docs/reference/edge.md explains their verification.
"""
