"""The Milvus collection in use for the pictures seen in a space, stored as a database row."""

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from zlib import crc32

from exhibit.config.config import Config
from exhibit.config.secrets import installation
from exhibit.types import Space
from indexer.vectors.milvus_index import IndexState
from registry.db.locks import Lock, hold_long
from registry.fingerprints.fingerprints import Collection, space_id
from registry.fingerprints.milvus import milvus_of
from registry.fingerprints.models import MilvusCollection

COLLECTION = Collection.PICTURES


class Archive:
    """The collection in use for one space. Implements ``indexer.vectors.milvus_index.Ledger``."""

    def __init__(self, config: Config, space: Space) -> None:
        name = re.sub(r"\W", "_", f"{COLLECTION}_{space.name}_{space.version}", flags=re.ASCII)
        self.space = space
        self.server = milvus_of(config, f"exhibit_{installation(config)[:16]}_{name}_")

    def read(self) -> IndexState:
        """Return the collection in use; none if it is another installation's, whose database was restored here."""
        row = MilvusCollection.objects.filter(space_id=space_id(self.space)).first()
        if row is None or not row.name.startswith(self.server.prefix):
            return IndexState()
        return IndexState(row.name, row.sequence)

    def write(self, standing: IndexState) -> None:
        """Put another collection into use, or none if ``standing`` names no collection."""
        rows = MilvusCollection.objects.filter(space_id=space_id(self.space))
        if not standing.collection:
            rows.delete()
            return
        values = {"name": standing.collection, "sequence": standing.sequence}
        rows.update_or_create(space_id=space_id(self.space), defaults=values)

    @contextmanager
    def write_lock(self, *, wait: bool = True) -> Iterator[bool]:
        """Hold the exclusive right to write, across all machines; it ends with the connection."""
        number = crc32(self.server.prefix.encode()) - 2**31
        with hold_long(Lock.INDEX, number, timeout=math.inf if wait else 0) as is_held:
            yield is_held
