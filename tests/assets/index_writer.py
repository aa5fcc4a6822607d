"""Writes an index whose files lie in a bucket, in a process of its own that a test may kill.

``python -m tests.assets.index_writer KEYS BUCKET FOLDER ROUNDS [dies]`` adds the next number and writes it, again and
again; one that ``dies`` is killed between its upload and its swap.
"""

import os
import signal
import sys
from functools import partial
from pathlib import Path


def main(keys: Path, bucket: str, folder: Path, rounds: int, *, dies: bool) -> None:
    """Write so often."""
    import django

    django.setup()
    from exhibit.files.bucket import Bucket, open_store
    from indexer.vectors.index import open_index
    from tests.assets.indexes import BITS, numbers, vectors
    from tests.assets.published import Cloud
    from workers.services import published

    cloud = Cloud(Bucket(partial(open_store, f"s3://{bucket}/some/where", keys), "us", folder / "made"))
    index = open_index(BITS, cloud.place(folder, BITS))
    if dies:
        published.swap = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment]
    for _ in range(rounds):
        index.reopen()
        number = index.sequence + 1
        index.upsert(numbers(number), vectors(BITS, [number]))
        index.flush(number)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]), dies="dies" in sys.argv[5:])
