"""Lists and web archives in a bucket: each is fetched into a folder, to be read there like any other file."""

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from crawler.crawling.files import ARCHIVES
from crawler.lists.files import is_list
from exhibit.errors import RefusedError

PIECE = 8 << 20


def folder_for(url: str, below: Path) -> Path:
    """Where the files of a bucket's URL are put."""
    parts = urlsplit(url)
    return below.joinpath(parts.netloc or "files", *_steps(parts.path))


def fetch(url: str, folder: Path, keys: Path) -> Iterator[tuple[str, int]]:
    """Fetch what of a bucket is a list or a web archive; tells the name and bytes of each file before it is fetched.

    A file that is here with the size and time of its object isn't fetched again, and none appears before it is whole.
    Raises ``RefusedError`` where the optional part is missing, and ``StorageError`` for a bucket that isn't there,
    refuses or doesn't answer.
    """
    try:
        import obstore  # noqa: PLC0415 - an optional part

        from exhibit.files.bucket import Bucket, open_store  # noqa: PLC0415
    except ImportError as error:
        hint = "Install the optional part: python3 tools/bootstrap.py runtime bucket"
        raise RefusedError("Buckets need obstore.", reason="unreadable", hint=hint) from error
    store = open_store(url, keys)
    folder.mkdir(parents=True, exist_ok=True)
    with Bucket(lambda: store, owner="", made=folder).told():
        for found in (each for some in obstore.list(store) for each in some):
            steps, when = _steps(found["path"]), int(found["last_modified"].timestamp())
            path = folder.joinpath(*steps)
            if not steps or not (is_list(path.name) or path.name.endswith(ARCHIVES)) or _is(path, found["size"], when):
                continue
            yield found["path"], found["size"]
            path.parent.mkdir(parents=True, exist_ok=True)
            partly = path.with_name(f".{path.name}.part")
            with partly.open("wb") as file:
                for piece in obstore.get(store, found["path"]).stream(min_chunk_size=PIECE):
                    file.write(piece)
            os.utime(partly, (when, when))
            partly.replace(path)


def _is(path: Path, size: int, when: int) -> bool:
    """Whether a file is here as it was fetched."""
    if not path.is_file():
        return False
    state = path.stat()
    return (state.st_size, int(state.st_mtime)) == (size, when)


def _steps(path: str) -> list[str]:
    """The folders and the name in a path, without what would lead out of a folder."""
    return [step for step in path.replace("\0", "").split("/") if step.strip(".")]
