"""Contributors' machines: leases, results, their verification, and signed statements about them.

Results are kept separate from this installation's own observations; docs/reference/edge.md explains their verification.
"""
