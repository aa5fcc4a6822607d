"""Serves the site: ``python -m desk.server HOST PORT``; each of its processes is told the number of a socket."""

import sys

from desk.server.run import keep, serve

if __name__ == "__main__":
    if len(sys.argv) == 2:
        serve(int(sys.argv[1]))
    else:
        sys.exit(keep(sys.argv[1], int(sys.argv[2])))
