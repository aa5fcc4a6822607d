"""Serves the site: ``python -m desk.server HOST PORT``."""

import sys

from desk.server.run import serve

if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
