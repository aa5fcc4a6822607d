"""Print the setup link for the first operator, if there is no operator yet: ``python -m workers.operator_link``.

This is a separate process, because Django would otherwise stay in the supervisor's memory.
"""

import os
import sys

import django
from django.db import Error

from exhibit.errors import run_program
from exhibit.machine import describe_machine_fault
from exhibit.plain import to_one_line
from registry.configuration import load_config


def main() -> None:
    """Print the link. If the operators cannot be read, print the reason on standard error."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "desk.settings")
    django.setup()
    from registry.members import invitations
    from registry.notifications.invitations import create_operator_link

    try:
        if not invitations.has_operator():
            print(create_operator_link(load_config(), by="exhibit up"))
    except Error as error:
        reason = describe_machine_fault(error) or to_one_line(str(error))
        print(f"Exhibit cannot determine whether an operator exists: {reason}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(run_program(main))
