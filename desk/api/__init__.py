"""The HTTP API: what the site does, for programs. docs/reference/http-api.md is its manual."""
