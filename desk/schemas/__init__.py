"""Schemas of requests and responses, one module per resource, for the API and the command line.

Field names are stable; `make reference` lists them. Times are RFC 3339 in UTC.
"""
