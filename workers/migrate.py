"""``python -m workers.migrate``: migrates the database.

With ``--other-secrets``, the secrets of this machine are accepted from then on, in place of lost ones.
"""

import sys

from exhibit.errors import ended
from registry.configuration import load_config
from registry.services.secret_fingerprints import delete_fingerprints
from workers.database.schema import migrate


def main() -> None:
    """Migrate the database."""
    if sys.argv[1:] == ["--other-secrets"]:
        delete_fingerprints(load_config())
    migrate()


if __name__ == "__main__":
    sys.exit(ended(main))
