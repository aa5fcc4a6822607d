"""Asks the worker of this machine whether it is alive; ends with 0 when it answers, for a container's health check."""

import socket
import sys

from exhibit.errors import ExitCode
from workers.pipeline.celery import app

if __name__ == "__main__":
    answers = app.control.ping(timeout=3.0, limit=1, pattern=f"*@{socket.gethostname()}", matcher="glob")
    sys.exit(ExitCode.DONE if answers else ExitCode.SERVICE_MISSING)
