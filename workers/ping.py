"""Asks the worker of this machine whether it is alive; ends with 0 when it answers, for a container's health check."""

import socket
import sys

from exhibit.errors import ExitCode
from workers.pipeline.celery import app


def main() -> int:
    """0 when a worker named after this host answers within three seconds."""
    host = socket.gethostname()
    answers = app.control.ping(timeout=3.0, limit=1, pattern=f"*@{host}", matcher="glob")
    return int(ExitCode.DONE if answers else ExitCode.SERVICE_MISSING)


if __name__ == "__main__":
    sys.exit(main())
