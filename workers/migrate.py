"""``python -m workers.migrate``: brings the database up to date.

With ``--other-secrets`` the secrets of this machine count from then on, for those that were lost everywhere.
"""

import sys

from exhibit.errors import ended
from registry.configuration import load_config
from registry.services.same_secrets import forget_marks
from workers.database.schema import migrate


def main() -> None:
    """Bring it up to date."""
    if sys.argv[1:] == ["--other-secrets"]:
        forget_marks(load_config())
    migrate()


if __name__ == "__main__":
    sys.exit(ended(main))
