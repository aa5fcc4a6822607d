"""``python -m desk``, equivalent to ``bin/exhibit``."""

import sys

from desk.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
