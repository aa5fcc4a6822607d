"""Other people's machines: who they are, which addresses they are leased, what they say, and whether it is true.

What they say stays apart from what was seen here; how it is checked is told in docs/edge.md.
"""
