"""Running as a user without root's rights, to whom file permissions apply."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

NOBODY = 65_534


@contextmanager
def ordinary_user() -> Iterator[None]:
    """Run the block without root's rights."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
