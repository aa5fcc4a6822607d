"""What programs are told and what they send, a module for each resource: used by the API and the command line.

The names are stable; `make reference` lists them. Times are RFC 3339 in UTC.
"""
