"""The user-facing layer: command line, API and web site."""
