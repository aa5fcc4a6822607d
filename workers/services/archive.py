"""The index of the pictures seen in Milvus: a row says which collection counts, and up to which change."""

import re
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from exhibit.config.config import Config
from exhibit.config.secrets import installation
from exhibit.errors import StorageError
from exhibit.types import Space
from indexer.vectors.manifest import Manifest
from indexer.vectors.milvus_index import Collections, MilvusRows, mend_rows
from registry.models import IndexManifest
from registry.vectors import fingerprints as vectors
from registry.vectors.fingerprints import Collection
from workers.services.milvus import milvus_of
from workers.services.published import GRACE, PublishedPlace, alone
from workers.services.stores import store_at


class ArchivePlace(PublishedPlace):
    """One index in Milvus. What was published of it before is swept, as what no manifest names any more."""

    server: Collections

    def __init__(self, config: Config, folder: Path, collection: Collection, space: Space) -> None:
        store = store_at(config, config.blobs_url, f"indexes/{folder.name}")
        super().__init__(store, folder, collection, space, room=0)
        named = re.sub(r"\W", "_", folder.name, flags=re.ASCII)
        self.server = milvus_of(config, f"exhibit_{installation(config)[:16]}_{named}_")

    def problems(self, manifest: Manifest) -> list[str]:
        """What of it isn't in Milvus, as far as that can be told without counting."""
        if not manifest.segments and vectors.last_change(self._collection, self._space):
            return ["It isn't in Milvus yet."]
        there = self.server.names()
        return [f"{entry.name} isn't in Milvus any more." for entry in manifest.segments if entry.name not in there]

    def held(self) -> tuple[int, int, int]:
        """How many entries count, up to which change, and about how many bytes these take; none of a silent Milvus."""
        manifest, count = self.read(self._space.id), 0
        with suppress(StorageError):
            count = sum(map(len, self._rows(manifest)))
        return count, manifest.sequence, count * (8 + self._space.vector_bytes)

    def clear(self) -> None:
        """Remove row and collections."""
        super().clear()
        for name in self.server.names():
            self.server.ask("drop_collection", name)

    def sweep(self, grace: timedelta = GRACE) -> int:
        """Drop collections that no manifest names, and let the others hold what the rows say; returns how many."""
        with alone(self.folder, within=0) as ours:
            manifest = self.read(self._space.id)
            left = [name for name in self.server.names() if name not in manifest.files] if ours else []
            for name in left:
                self.server.ask("drop_collection", name)
            for rows in self._rows(manifest) if ours else []:
                if len(rows) != vectors.count_living(self._collection, self._space, rows.upto):
                    last = vectors.last_change(self._collection, self._space)
                    mend_rows(rows, vectors.living(self._collection, self._space, last))
        return len(left) + super().sweep(grace)

    def _rows(self, manifest: Manifest) -> list[MilvusRows]:
        return [MilvusRows(self._space, self.server, entry.name, manifest.sequence) for entry in manifest.segments]

    def _is_ours(self, row: IndexManifest) -> bool:
        return all(name.startswith(self.server.prefix) for name, _ in row.segments)
