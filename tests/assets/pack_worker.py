"""A process that writes packs and stands still when one lies in the bucket and no row names it yet.

``python -m tests.assets.pack_worker FOLDER put|rewrite``: the bucket is that of the installation in the folder.
"""

import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import django

from workers.configuration import load_config


def main(folder: Path, what: str) -> None:
    """Put bytes, or write all packs anew."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "desk.settings"
    django.setup()
    from registry.models import Pack
    from workers.operations.packing import write_anew
    from workers.services.packs import PackedBlobStore
    from workers.services.wiring import Services

    blobs = Services(load_config({**os.environ, "EXHIBIT_DATA": str(folder)})).blobs
    assert isinstance(blobs, PackedBlobStore)
    blobs.bucket.__dict__["write"] = partial(_write_and_stand, blobs.bucket.write)
    if what == "put":
        blobs.put_all([b"of one that is killed", b"and another"])
    else:
        write_anew(blobs, list(Pack.objects.values_list("pk", flat=True)))


def _write_and_stand(
    write: Callable[[str, bytes | Iterator[bytes]], None], key: str, data: bytes | Iterator[bytes]
) -> None:
    write(key, data)
    print("written", flush=True)  # noqa: T201 - what is waited for
    sys.stdin.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
