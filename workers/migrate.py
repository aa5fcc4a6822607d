"""``python -m workers.migrate``: brings the database up to date.

With ``--other-secrets`` the secrets of this machine count from then on, for those that were lost everywhere.
"""

import sys

from exhibit.errors import ExhibitError
from workers.configuration import load_config
from workers.database.schema import migrate
from workers.services.same_secrets import forget_marks

if __name__ == "__main__":
    try:
        if sys.argv[1:] == ["--other-secrets"]:
            forget_marks(load_config())
        migrate()
    except ExhibitError as problem:
        print(problem, file=sys.stderr)
        sys.exit(int(problem.exit_code))
