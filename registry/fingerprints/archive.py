"""The index of the pictures seen in Milvus: a row says which collection counts, and up to which change."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from zlib import crc32

import numpy as np

from exhibit.config.config import Config
from exhibit.config.secrets import installation
from exhibit.errors import StorageError
from exhibit.types import Space
from indexer.vectors.milvus_index import MilvusIndex, MilvusRows, Standing, mend_rows
from indexer.vectors.rows import rows_of
from registry.db.locks import Lock, hold_long
from registry.fingerprints import fingerprints as vectors
from registry.fingerprints.fingerprints import Collection, space_id
from registry.fingerprints.milvus import milvus_of
from registry.fingerprints.models import MilvusCollection

SEEN = Collection.PICTURES


class Archive:
    """The pictures seen in one space. Implements ``indexer.vectors.milvus_index.Ledger``."""

    def __init__(self, config: Config, space: Space) -> None:
        named = re.sub(r"\W", "_", f"{SEEN}_{space.name}_{space.version}", flags=re.ASCII)
        self.space = space
        self.server = milvus_of(config, f"exhibit_{installation(config)[:16]}_{named}_")

    def index(self) -> MilvusIndex:
        """What is searched; raises ``IntegrityError`` without its collection, ``StorageError`` when Milvus fails."""
        return MilvusIndex(self.space, self.server, self)

    def read(self) -> Standing:
        """What counts; nothing of another installation, whose rows were restored here."""
        row = MilvusCollection.objects.filter(space_id=space_id(self.space)).first()
        if row is None or not row.name.startswith(self.server.prefix):
            return Standing()
        return Standing(row.name, row.sequence)

    def write(self, standing: Standing) -> None:
        """Let something else count."""
        values = {"name": standing.collection, "sequence": standing.sequence}
        MilvusCollection.objects.update_or_create(space_id=space_id(self.space), defaults=values)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Wait for the sole right to write, on any machine, and hold it; it ends with the connection."""
        with hold_long(Lock.INDEX, crc32(self.server.prefix.encode()) - 2**31):
            yield

    def make(self) -> None:
        """Make it again from the rows; who searches goes on with the old one, which :meth:`sweep` drops."""
        last = vectors.last_change(SEEN, self.space)
        with self.writing():
            rows = MilvusRows(self.space, self.server, name := self.server.make(self.space), last)
            for batch in vectors.living(SEEN, self.space, last):
                numbers = np.array([number for number, _ in batch], np.int64)
                rows.put(numbers, rows_of(self.space, [vector for _, vector in batch]))
            self.write(Standing(name, last))

    def problems(self) -> list[str]:
        """What of it isn't in Milvus, as far as that can be told without counting."""
        name = self.read().collection
        return [] if not name or name in self.server.names() else [f"{name} isn't in Milvus any more."]

    def mend(self) -> list[str]:
        """Let nothing count where its collection has gone, so that it is filled from the rows; says what was wrong."""
        if not self.problems():
            return []
        with self.writing():
            if found := self.problems():
                self.write(Standing())
        return found

    def held(self) -> tuple[int, int, int]:
        """How many entries count, up to which change, and about how many bytes these take; none of a silent Milvus."""
        standing, count = self.read(), 0
        with suppress(StorageError):
            count = sum(map(len, self._rows(standing)))
        return count, standing.sequence, count * (8 + self.space.vector_bytes)

    def clear(self) -> None:
        """Remove row and collections."""
        with self.writing():
            MilvusCollection.objects.filter(space_id=space_id(self.space)).delete()
            for name in self.server.names():
                self.server.ask("drop_collection", name)

    def sweep(self) -> None:
        """Drop collections that don't count, and let the one that does hold what the rows say; not beside a writer."""
        with hold_long(Lock.INDEX, crc32(self.server.prefix.encode()) - 2**31, within=0) as ours:
            if not ours:
                return
            standing = self.read()
            for name in self.server.names():
                if name != standing.collection:
                    self.server.ask("drop_collection", name)
            for rows in self._rows(standing):
                if len(rows) != vectors.count_living(SEEN, self.space, rows.upto):
                    last = vectors.last_change(SEEN, self.space)
                    mend_rows(rows, vectors.living(SEEN, self.space, last))

    def _rows(self, standing: Standing) -> list[MilvusRows]:
        """The collection that counts, if there is one."""
        name = standing.collection
        return [MilvusRows(self.space, self.server, name, standing.sequence)] if name else []
