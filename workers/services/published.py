"""An index whose files lie in an object store: each machine's folder holds copies of them, as far as it needs them.

Files are stored under their digests and never change; a row says which of them count. Whoever writes puts the new ones
there first and then swaps the row, so that a sudden end leaves either state whole, and files that no row names.
"""

import fcntl
import math
import os
import secrets
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from zlib import crc32

import numpy as np

from exhibit.clock import now
from exhibit.digests import CHUNK, Digest
from exhibit.errors import IntegrityError, NotFoundError, ServiceMissingError
from exhibit.files.blobs import BlobStore
from exhibit.types import Space
from indexer.vectors.manifest import HINT, Manifest, Place, SegmentEntry, unwritable
from registry.db.locks import Lock, hold_long
from registry.db.rows import columns
from registry.models import IndexManifest
from registry.vectors.fingerprints import Collection, space_id

GRACE = timedelta(hours=2)
"""How long files stay that no manifest names any more: another machine may be about to fetch them."""
DOWNLOADS = 2
"""Of a file that arrives otherwise than it was stored, before it counts as damaged there."""
OURS = ("segment-", "gone-", "manifest.")


class PublishedPlace(Place):
    """The files of one index in a store, and this machine's copies."""

    gives_way = True

    def __init__(
        self, store: BlobStore, folder: Path, collection: Collection, space: Space, room: int | None = None
    ) -> None:
        """``room`` is how many bytes of segments of this collection a machine keeps; all of them without it."""
        super().__init__(folder)
        self.keeps_all = room is None
        self._store, self._collection, self._space, self._room = store, collection, space, room
        self._files: dict[str, Digest] = {}  # of all manifests that were read here
        self._whole: dict[str, tuple[int, int]] = {}  # files that were read whole here, as they were then

    def read(self, space: str) -> Manifest:
        """The manifest of its row, an empty one when there is none; what it doesn't name is removed from the folder."""
        row = manifest_of(self._collection, self._space)
        self._files |= {name: Digest.from_hex(digest) for name, (digest, *_) in row.files.items()}
        for path in self.folder.glob("*"):
            if path.name.startswith(OURS) and path.name not in row.files:
                path.unlink(missing_ok=True)
        if not self._is_ours(row):  # the setting says another place since, which is filled anew
            return Manifest(space, row.generation)
        return Manifest(space, row.generation, row.sequence, tuple(SegmentEntry(*entry) for entry in row.segments))

    def fetch(self, name: str) -> None:
        """Have the files of a segment in the folder, or one file, as they were stored; the used ones stay longest.

        Raises ``FileNotFoundError`` when they have gone, ``IntegrityError`` when they are damaged there.
        """
        files = [file for file in self._files if name in {file, Path(file).stem}]
        if not files:
            raise FileNotFoundError(self.folder / name)
        missing = [file for file in files if not self._is_whole(file)]
        if missing:
            with self._fetching():
                for file in missing:
                    self._bring(file)
                self._make_room(besides=Path(name).stem)

    def brought(self) -> dict[str, int]:
        """The bytes of each segment that is brought here to be searched; none where all are kept."""
        row, sizes = manifest_of(self._collection, self._space), Counter[str]()
        for file, (_, size, _) in row.files.items():
            sizes[Path(file).stem] += size
        return {} if self.keeps_all else {name: sizes[name] for name, _ in row.segments}

    @contextmanager
    def writer(self) -> Iterator[Path]:
        """Wait for the sole right to write, on any machine, and hold it; gives a folder for new files."""
        drafts = self.folder / f".draft-{secrets.token_hex(8)}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with alone(self.folder):
                for left in self.folder.glob(".draft-*"):  # whoever made it was killed
                    shutil.rmtree(left, ignore_errors=True)
                drafts.mkdir()
                yield drafts
        except (OSError, RuntimeError) as error:
            raise unwritable(self.folder, error) from error
        finally:
            shutil.rmtree(drafts, ignore_errors=True)

    def publish(self, drafts: Path, manifest: Manifest, over: Manifest) -> bool:
        """Store the new files, then swap the row; false, and nothing has changed, when another one is there by now."""
        before = manifest_of(self._collection, self._space)
        new = [path for path in drafts.iterdir() if {path.name, path.stem} & manifest.files]
        kept = {name: one for name, one in before.files.items() if {name, Path(name).stem} & manifest.files}
        files = {path.name: (self._store.put_file(path).hex, path.stat().st_size, _rows(path)) for path in new}
        row = IndexManifest(
            collection=self._collection,
            space_id=before.space_id,
            generation=manifest.generation,
            sequence=manifest.sequence,
            segments=[(entry.name, entry.gone) for entry in manifest.segments],
            files=kept | files,
        )
        swapped = swap(row, over.generation)
        if swapped:
            for path in new:
                self._whole[path.name] = _state(path)
                with suppress(OSError):  # then it is fetched
                    path.replace(self.folder / path.name)
        return swapped

    def problems(self, manifest: Manifest) -> list[str]:
        """Files that aren't stored any more; a machine that has one stores it again."""
        stored = set(self._store)
        return [
            f"{name} isn't in the bucket any more."
            for name, digest in sorted(self._files.items())
            if {name, Path(name).stem} & manifest.files and digest not in stored
            if not (self._is_whole(name) and self._store.put_file(self.folder / name))
        ]

    def held(self) -> tuple[int, int, int]:
        """As its row says: how many entries its files hold, up to which change, and their bytes in the store."""
        row = manifest_of(self._collection, self._space)
        if not self._is_ours(row):
            return 0, 0, 0
        counts = {name: rows for name, (_, _, rows) in row.files.items()}
        there = (counts[f"{name}.npy"] - (counts[gone] if gone else 0) for name, gone in row.segments)
        return sum(there), row.sequence, sum(size for _, size, _ in row.files.values())

    def clear(self) -> None:
        """Remove row, files and copies."""
        with alone(self.folder):
            IndexManifest.objects.filter(pk=manifest_of(self._collection, self._space).pk).delete()
            for digest in list(self._store):
                self._store.remove(digest)
        shutil.rmtree(self.folder, ignore_errors=True)

    def sweep(self, grace: timedelta = GRACE) -> int:
        """Remove files that were seen so long ago to be named by no manifest; returns how many."""
        with alone(self.folder, within=0) as ours:
            if not ours or (row := manifest_of(self._collection, self._space)).pk is None:
                return 0  # who writes has files there that no row names yet
            moment, named = now(), {digest for digest, *_ in row.files.values()}
            others = [digest.hex for digest in self._store if digest.hex not in named]
            since = {digest: row.unnamed.get(digest, moment.isoformat()) for digest in others}
            over = [digest for digest in others if datetime.fromisoformat(since[digest]) <= moment - grace]
            for digest in over:
                self._store.remove(Digest.from_hex(digest))
                del since[digest]
            IndexManifest.objects.filter(pk=row.pk).update(unnamed=since)
        return len(over)

    def _is_ours(self, row: IndexManifest) -> bool:
        """Whether what a row names lies in places of this kind."""
        return bool(row.files) or not row.segments

    def _bring(self, file: str) -> None:
        """Copy a stored file here, whole or not at all."""
        for _ in range(DOWNLOADS):
            if self._is_whole(file) or self._copied(file):
                return
        self._store.remove(self._files[file])  # so that whoever looks knows that it isn't there
        raise IntegrityError(f"{file} of the index {self.folder.name} is damaged in the bucket.", hint=HINT)

    def _copied(self, file: str) -> bool:
        """Whether it has arrived as it was stored."""
        part, seen = self.folder / f".{file}.{secrets.token_hex(8)}", sha256()
        try:
            with self._store.open(self._files[file]) as stream, part.open("xb") as to:
                while piece := stream.read(CHUNK):
                    seen.update(piece)
                    to.write(piece)
            if whole := seen.digest() == self._files[file].raw:
                self._whole[file] = _state(part)
                part.replace(self.folder / file)
        except NotFoundError as error:
            raise FileNotFoundError(self.folder / file) from error
        finally:
            part.unlink(missing_ok=True)
        return whole

    def _is_whole(self, file: str) -> bool:
        """Whether a copy is here as it was stored; it is read whole once, and again when it has changed."""
        path = self.folder / file
        try:
            state = _state(path)
            if self._whole.get(file) != state:
                if Digest.of_file(path) != self._files[file]:
                    return False
                self._whole[file] = state
            os.utime(path, ns=(time.time_ns(), state[1]))
        except OSError:  # it isn't here, or the disk can't read it any more
            return False
        return True

    def _make_room(self, besides: str) -> None:
        """Remove the copies of segments that were used longest ago, until there is room; what is mapped stays."""
        if self._room is None:
            return
        paths = sorted(self.folder.parent.glob(f"{self._collection}-*/segment-*"))
        segments = [list(files) for _, files in groupby(paths, key=lambda path: path.with_suffix(""))]
        sizes = [sum(path.stat().st_size for path in files) for files in segments]
        used = [max(path.stat().st_atime_ns for path in files) for files in segments]
        total = sum(sizes)
        for _, size, files in sorted(zip(used, sizes, segments, strict=True)):
            if total > self._room and (files[0].parent, files[0].stem) != (self.folder, besides):
                total -= size
                for path in files:
                    path.unlink(missing_ok=True)

    @contextmanager
    def _fetching(self) -> Iterator[None]:
        """One process of this machine at a time; says when the disk doesn't take it."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / ".fetching").open("w") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield
        except FileNotFoundError:
            raise
        except OSError as error:
            said = f"The index {self.folder.name} can't be fetched: {error}."
            raise ServiceMissingError(said, hint="Make room on the disk.") from error


def alone(folder: Path, within: float = math.inf) -> AbstractContextManager[bool]:
    """Try for some seconds to be the only one on any machine who works at an index; gives whether one is."""
    return hold_long(Lock.INDEX, crc32(folder.name.encode()) - 2**31, within)


def _state(path: Path) -> tuple[int, int]:
    """What tells that a file is the one that it was."""
    stat = path.stat()
    return stat.st_ino, stat.st_mtime_ns


def _rows(path: Path) -> int:
    """How many numbers a file holds."""
    return len(np.load(path, mmap_mode="r", allow_pickle=False)) if path.suffix == ".npy" else 0


def manifest_of(collection: Collection, space: Space) -> IndexManifest:
    """The manifest of an index, an empty one when there is none."""
    stated = {"collection": collection, "space_id": space_id(space)}
    return IndexManifest.objects.filter(**stated).first() or IndexManifest(**stated)


def swap(manifest: IndexManifest, over: int) -> bool:
    """Put a manifest in the place of one of a generation, if that is still there; whether it was."""
    stated = {"collection": manifest.collection, "space_id": manifest.space_id}
    if not over:
        IndexManifest.objects.bulk_create([IndexManifest(**stated)], ignore_conflicts=True)
    new = columns(manifest, "generation", "sequence", "segments", "files")
    return IndexManifest.objects.filter(**stated, generation=over).update(**new) == 1
