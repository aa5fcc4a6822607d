"""The HTTP API: what the site does, for programs. docs/api.md is its manual."""
