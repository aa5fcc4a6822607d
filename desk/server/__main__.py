"""Serves the site: ``python -m desk.server HOST PORT``."""

import sys

from desk.server.run import keep

if __name__ == "__main__":
    sys.exit(keep(sys.argv[1], int(sys.argv[2])))
