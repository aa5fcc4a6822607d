"""Migrate the database: ``python -m workers.migrate``.

With ``--other-secrets``, the secrets of this machine replace lost ones from then on.
"""

import sys

from exhibit.errors import run_program
from registry.configuration import load_config
from registry.services.secret_fingerprints import delete_fingerprints
from workers.database.schema import migrate


def main() -> None:
    """Migrate the database."""
    if sys.argv[1:] == ["--other-secrets"]:
        delete_fingerprints(load_config())
    migrate()


if __name__ == "__main__":
    sys.exit(run_program(main))
