"""Many exact bytes in one object of a bucket: what crawls bring and small pictures; rows say where each lies.

A pack is ``packs/`` and a name by chance. Its row is written before its object, in the transaction of the rows that
say what lies in it: an object without a row that others can see is one that is being written, or was left behind.
"""

import secrets
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from hashlib import sha256
from io import BytesIO
from itertools import accumulate, islice
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO

from django.db import DatabaseError, connection, transaction
from django.db.models import QuerySet

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import IntegrityError, NotFoundError, StorageError, passes
from exhibit.files.ahead import Group, ReadAhead
from exhibit.files.blobs import verified
from exhibit.files.bucket import PIECE, BucketBlobStore
from exhibit.ports import BlobStore
from exhibit.sentences import Sentence
from registry.db.bulk import copy_values
from registry.models import BytesState, Pack, PackedBytes, PackGap, Picture

FOLDER = "packs"
BATCH = 32 << 20
"""Bytes that go into one pack as they come; it is sent as a whole."""
NEAR = 1 << 20
"""So many bytes that nobody has asked for are read along rather than asking once more."""
_SOME = 1000


@dataclass(frozen=True, slots=True)
class Place:
    """Where bytes lie; at most ``PIECE`` of them, for larger files are objects of their own."""

    digest: Digest
    pack: str
    start: int
    size: int

    @property
    def end(self) -> int:
        """Behind the last of them."""
        return self.start + self.size


class PackedBlobStore:
    """A ``BlobStore``: what is put many at once lies in packs, everything else in ``loose``.

    Bytes that were removed are handed to nobody from the end of the transaction on; they are gone when their pack is
    written anew (:mod:`workers.operations.packing`). Each call asks the database, by the connection of its thread.
    """

    def __init__(self, loose: BucketBlobStore) -> None:
        self.loose, self.bucket = loose, loose.bucket

    def put(self, data: bytes) -> Digest:
        """Keep bytes; a second time changes nothing, unless what is stored was damaged: that is written anew."""
        digest = Digest.of(data)
        if (there := self._piece(digest)) is None:
            return self.loose.put(data)
        if there != data:
            self.loose.put(data)
            self._let_go([digest])
        return digest

    def put_file(self, path: Path) -> Digest:
        """Keep a copy of a file's bytes; heals as :meth:`put` does."""
        return self.loose.put_file(path) if path.stat().st_size > PIECE else self.put(path.read_bytes())

    def put_all(self, given: Iterable[bytes | Path]) -> None:
        """Keep the bytes of several, as much of it as ``BATCH`` in one pack; what is there stays where it is."""
        some: dict[Digest, bytes] = {}
        for each in given:
            if isinstance(each, Path) and each.stat().st_size > PIECE:
                self.loose.put_file(each)
                continue
            data = each if isinstance(each, bytes) else each.read_bytes()
            if not data:
                self.loose.put(data)
                continue
            if some and sum(map(len, some.values())) + len(data) > BATCH:
                self._put_some(some)
                some = {}
            some[Digest.of(data)] = data
        self._put_some(some)

    def get(self, digest: Digest) -> bytes:
        """The bytes; raises ``NotFoundError`` when absent, ``IntegrityError`` when they don't match."""
        data = self._piece(digest)
        return self.loose.get(digest) if data is None else verified(data, digest)

    def ahead(self, digests: Iterable[Digest]) -> ReadAhead:
        """Gives the bytes as :meth:`get` does; neighbours are fetched together, some ahead of the reader."""
        order = {digest: number for number, digest in enumerate(digests)}
        places = {place.digest: place for place in self._places(PackedBytes.objects.filter(digest__in=list(order)))}
        groups: list[Group] = [
            ([place.digest for place in run], partial(self.fetch, run)) for run in runs(places.values())
        ]
        groups += [([digest], partial(self._alone, digest)) for digest in order if digest not in places]
        return ReadAhead(self.get, sorted(groups, key=lambda group: min(order[digest] for digest in group[0])))

    def open(self, digest: Digest) -> BinaryIO:
        """A stream of the bytes, not verified."""
        data = self._piece(digest)
        return self.loose.open(digest) if data is None else BytesIO(data)

    def size(self, digest: Digest) -> int:
        """Bytes; raises ``NotFoundError`` when absent."""
        size = PackedBytes.objects.filter(digest=digest).values_list("size", flat=True).first()
        return self.loose.size(digest) if size is None else size

    def remove(self, digest: Digest) -> bool:
        """Remove the bytes; false when they weren't here."""
        if not self._let_go([digest]):
            return self.loose.remove(digest)
        self.loose.remove_all([digest])  # where two writers came at once they lie there, too
        return True

    def remove_all(self, digests: Iterable[Digest]) -> None:
        """Remove those that are here, without asking for each."""
        given = list(digests)
        self._let_go(given)
        self.loose.remove_all(given)

    def move(self, digest: Digest, to: BlobStore) -> None:
        """Hand bytes over to another store of the same bucket as they are, damaged ones too."""
        data = self._piece(digest)
        assert isinstance(to, BucketBlobStore)
        if data is None:
            self.loose.move(digest, to)
            return
        to.keep_as(digest, data)
        self.remove(digest)

    def sweep(self, older_than: float = 3600.0) -> int:
        """Remove packs that killed writers have left behind; a database that never had a pack removes none."""
        if not _has_had_packs():
            return 0
        limit, removed = now() - timedelta(seconds=older_than), 0
        for some in self.bucket.listed(FOLDER):
            names = [one["path"].rpartition("/")[2] for one in some if one["last_modified"] <= limit]
            known = set(Pack.objects.filter(name__in=names).values_list("name", flat=True))
            removed += sum(self._remove_left(name) for name in names if name not in known)
        return removed

    def changed(self, begin: str) -> Iterator[Digest]:
        """Those that aren't whole of the packs whose turn it is, and of the other objects; reads them all."""
        yield from self.loose.changed(begin)
        for pack in Pack.objects.filter(name__startswith=begin):
            for run in runs(self.places(pack)):
                found = self.fetch(run)
                yield from (one.digest for one in run if not found or Digest.of(found[one.digest]) != one.digest)

    def is_whole(self, digest: Digest) -> bool:
        """Whether a blob is here and its bytes are those of its name; reads them all."""
        data = self._piece(digest)
        return self.loose.is_whole(digest) if data is None else Digest.of(data) == digest

    def __iter__(self) -> Iterator[Digest]:
        yield from PackedBytes.objects.values_list("digest", flat=True).iterator()
        loose = iter(self.loose)
        while some := list(islice(loose, _SOME)):
            packed = set(PackedBytes.objects.filter(digest__in=some).values_list("digest", flat=True))
            yield from (digest for digest in some if digest not in packed)

    def __contains__(self, digest: Digest) -> bool:
        return PackedBytes.objects.filter(digest=digest).exists() or digest in self.loose

    def places(self, pack: Pack) -> list[Place]:
        """What lies in a pack, in its order."""
        return in_order(self._places(pack.pieces.all()))

    def has(self, name: str) -> bool:
        """Whether a pack that isn't empty is there."""
        return self.bucket.piece(key_of(name), 0, 1) is not None

    def fetch(self, run: Sequence[Place]) -> dict[Digest, bytes]:
        """The bytes of neighbours in one pack, as they lie there; of none when the pack isn't there."""
        begin = run[0].start
        data = self.bucket.piece(key_of(run[0].pack), begin, max(place.end for place in run))
        return {} if data is None else {place.digest: data[place.start - begin : place.end - begin] for place in run}

    def stream(self, places: Iterable[Place]) -> Iterator[tuple[Place, bytes]]:
        """Bytes as they lie, in the order of :func:`in_order`; those that don't hold were asked for twice.

        Another thread fetches them: to :meth:`write` the library takes what it can't fetch at the same time.
        """
        coming: deque[Future[list[tuple[Place, bytes]]]] = deque()
        with ThreadPoolExecutor(1) as pool:
            for run in runs(places):
                coming.append(pool.submit(self._fetch_well, run))
                if len(coming) > 1:
                    yield from coming.popleft().result()
            for last in coming:
                yield from last.result()

    def write(self, name: str, pieces: Iterator[bytes]) -> None:
        """Write a pack of any size and read it again; raises ``StorageError`` when it isn't what was written."""
        seen, size, again = sha256(), 0, sha256()

        def hashed() -> Iterator[bytes]:
            nonlocal size
            for piece in pieces:
                seen.update(piece)
                size += len(piece)
                yield piece

        self.bucket.write(key_of(name), hashed())
        for start in range(0, size, PIECE):
            again.update(self.bucket.piece(key_of(name), start, min(start + PIECE, size)) or b"")
        if again.digest() != seen.digest():
            raise StorageError(Sentence("What was written of %(digest)s reads otherwise.", digest=name))

    def _fetch_well(self, run: Sequence[Place]) -> list[tuple[Place, bytes]]:
        found = self.fetch(run)
        for place in run:
            if Digest.of(found[place.digest]) != place.digest:
                found |= self.fetch([place])
        return [(place, found[place.digest]) for place in run]

    def _put_some(self, given: Mapping[Digest, bytes]) -> None:
        """Write into one pack what isn't here, and what is damaged here."""
        there = {place.digest for place in self._places(PackedBytes.objects.filter(digest__in=list(given)))}
        read = self.ahead(sorted(there))
        damaged = [digest for digest in sorted(there) if not passes(read, digest, NotFoundError, IntegrityError)]
        # a work, or what came before there were packs
        alone = Picture.objects.filter(digest__in=given.keys() - there, bytes_state=BytesState.STORED)
        for digest in (loose := set(alone.values_list("digest", flat=True))):
            self.loose.put(given[digest])
        new = sorted(given.keys() - there - loose | set(damaged))
        if new:
            self._write_new({digest: given[digest] for digest in new}, damaged)

    def _write_new(self, new: Mapping[Digest, bytes], damaged: Sequence[Digest]) -> None:
        """Write a pack and its rows; of what another writer has kept meanwhile these bytes are a gap."""
        with transaction.atomic():
            self._let_go(damaged)
            pack = Pack.objects.create(name=new_name(), size=sum(map(len, new.values())))
            self.bucket.write(key_of(pack.name), b"".join(new.values()))
            starts = accumulate(map(len, new.values()), initial=0)
            rows = [(digest.raw, pack.pk, start, len(new[digest])) for digest, start in zip(new, starts, strict=False)]
            columns = ("digest", "pack_id", "start", "size")
            kept = copy_values(PackedBytes, columns, rows, conflict=columns[:1])
            add_gaps(pack, {digest: len(data) for digest, data in new.items() if digest.raw not in kept})

    def _let_go(self, digests: Sequence[Digest]) -> int:
        """Hand bytes in packs to nobody any more; returns how many there were."""
        with transaction.atomic():
            rows = PackedBytes.objects.select_for_update().filter(digest__in=digests).order_by("digest")
            gone = list(rows)
            PackGap.objects.bulk_create(PackGap(digest=row.digest, pack_id=row.pack_id, size=row.size) for row in gone)
            PackedBytes.objects.filter(pk__in=[row.pk for row in gone]).delete()
        return len(gone)

    def _piece(self, digest: Digest) -> bytes | None:
        """Bytes in a pack, not verified; none when they don't lie in one."""
        before: list[Place] = []
        while (places := self._places(PackedBytes.objects.filter(digest=digest))) not in ([], before):
            if found := self.fetch(places):
                return found[digest]
            before = places  # it was written anew just now, and they lie elsewhere
        return None

    def _alone(self, digest: Digest) -> dict[Digest, bytes]:
        return {digest: self.loose.get(digest)}

    def _remove_left(self, name: str) -> bool:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '1s'")
                row = Pack.objects.create(name=name, size=0)  # in vain while somebody is writing it, or has
                self.bucket.remove([key_of(name)])
                row.delete()
        except DatabaseError:
            return False
        return True

    @staticmethod
    def _places(rows: QuerySet[PackedBytes]) -> list[Place]:
        return [Place(*row) for row in rows.values_list("digest", "pack__name", "start", "size")]


def with_packs(store: BlobStore) -> BlobStore:
    """A bucket with its packs; a folder as it is."""
    return PackedBlobStore(store) if isinstance(store, BucketBlobStore) else store


def runs(places: Iterable[Place]) -> Iterator[list[Place]]:
    """Neighbours, to be read together: at most ``PIECE`` bytes of one pack."""
    run: list[Place] = []
    for place in in_order(places):
        far = run and (place.pack != run[0].pack or place.start > run[-1].end + NEAR)
        if far or (run and place.end > run[0].start + PIECE):
            yield run
            run = []
        run.append(place)
    if run:
        yield run


def in_order(places: Iterable[Place]) -> list[Place]:
    """As they lie in their packs."""
    return sorted(places, key=attrgetter("pack", "start"))


def new_name() -> str:
    """A name that no pack has."""
    return secrets.token_hex(16)


def key_of(name: str) -> str:
    """The object of a pack."""
    return f"{FOLDER}/{name}"


def add_gaps(pack: Pack, sizes: Mapping[Digest, int]) -> None:
    """Note bytes in a pack that no row names."""
    PackGap.objects.bulk_create(PackGap(digest=digest, pack=pack, size=size) for digest, size in sizes.items())


def _has_had_packs() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sequence_last_value(pg_get_serial_sequence('registry_pack', 'id')) IS NOT NULL")
        return bool(cursor.fetchone()[0])
