"""Migrate the database: ``python -m workers.migrate``.

With ``--other-secrets``, accept the secrets of this machine in place of the lost secrets of the database.
"""

import sys

from exhibit.errors import run_program
from registry.configuration import load_config
from registry.services.secret_fingerprints import delete_fingerprints
from workers.database.schema import migrate


def main() -> None:
    """Migrate the database, with ``--other-secrets`` after forgetting the fingerprints of the lost secrets."""
    if sys.argv[1:] == ["--other-secrets"]:
        delete_fingerprints(load_config())
    migrate()


if __name__ == "__main__":
    sys.exit(run_program(main))
