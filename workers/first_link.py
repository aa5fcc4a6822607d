"""``python -m workers.first_link``: prints the link for the first operator; nothing if there is an operator.

A separate process, because Django would otherwise stay in the supervisor's memory.
"""

import os
import sys

import django
from django.db import Error

from exhibit.errors import ended
from exhibit.machine import machine_fault
from exhibit.plain import one_line
from registry.configuration import load_config


def main() -> None:
    """Print the link, or on standard error why it is unknown whether there is an operator."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "desk.settings")
    django.setup()
    from registry.members import invitations
    from registry.notifications.invitations import create_operator_link

    try:
        if not invitations.has_operator():
            print(create_operator_link(load_config(), by="exhibit up"))
    except Error as error:
        why = machine_fault(error) or one_line(str(error))
        print(f"Whether there is an operator can't be told: {why}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(ended(main))
