"""``python -m workers.migrate``: brings the database up to date."""

import sys

from exhibit.errors import ServiceMissingError
from workers.database.schema import migrate

if __name__ == "__main__":
    try:
        migrate()
    except ServiceMissingError as problem:
        print(problem, file=sys.stderr)
        sys.exit(int(problem.exit_code))
