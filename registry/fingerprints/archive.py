"""The Milvus collection in use for found pictures in a space, recorded as a database row."""

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from zlib import crc32

from exhibit.config.config import Config
from exhibit.config.secrets import load_installation_id
from exhibit.types import Space
from indexer.vectors.milvus_index import IndexState
from registry.db.locks import Lock, hold_long
from registry.fingerprints.fingerprints import Collection, get_space_id
from registry.fingerprints.milvus import connect_milvus
from registry.fingerprints.models import MilvusCollection

COLLECTION = Collection.PICTURES


class MilvusLedger:
    """The collection in use for one space. Implements ``indexer.vectors.milvus_index.Ledger``."""

    def __init__(self, config: Config, space: Space) -> None:
        name = re.sub(r"\W", "_", f"{COLLECTION}_{space.name}_{space.version}", flags=re.ASCII)
        self.space = space
        self.server = connect_milvus(config, f"exhibit_{load_installation_id(config)[:16]}_{name}_")

    def read(self) -> IndexState:
        """Return the collection in use, or an empty state if it belongs to another installation.

        This is the case if another installation's database was restored here.
        """
        row = MilvusCollection.objects.filter(space_id=get_space_id(self.space)).first()
        if row is None or not row.name.startswith(self.server.prefix):
            return IndexState()
        return IndexState(row.name, row.sequence)

    def write(self, state: IndexState) -> None:
        """Put another collection into use, or none if ``state`` has no collection."""
        rows = MilvusCollection.objects.filter(space_id=get_space_id(self.space))
        if not state.collection:
            rows.delete()
            return
        values = {"name": state.collection, "sequence": state.sequence}
        rows.update_or_create(space_id=get_space_id(self.space), defaults=values)

    @contextmanager
    def write_lock(self, *, wait: bool = True) -> Iterator[bool]:
        """Hold the exclusive write lock, across all machines; it ends with the connection."""
        number = crc32(self.server.prefix.encode()) - 2**31
        with hold_long(Lock.INDEX, number, timeout=math.inf if wait else 0) as is_held:
            yield is_held
