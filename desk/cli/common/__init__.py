"""What commands stand on: servers and owners, tables and JSON, files that come and go, waiting for work.

No command is here, and no group of commands imports another.
"""
