"""What all operations stand on: who calls, problems, limits, pieces of lists, idempotency keys, files, the document.

Nothing here knows a resource.
"""
