"""HTTP API with the functions of the web interface for programs; documented in docs/reference/http-api.md."""
