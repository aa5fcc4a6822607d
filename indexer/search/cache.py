"""Cache of features in a folder, so that all processes or machines measure a work only once."""

import shutil
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol

from exhibit.digests import Digest
from exhibit.errors import IntegrityError
from exhibit.machine import write_cache_file
from exhibit.pictures.decode import Limits
from indexer.picture.descriptor import BUILT_IN, Descriptor
from indexer.picture.features import DEFAULT_LIMITS, Features, extract
from indexer.picture.features_file import features_from_bytes, features_to_bytes
from indexer.picture.spaces import PIPELINE


class SharedStore(Protocol):
    """Store through which machines share measurements, on a best-effort basis: failures are not errors."""

    def get(self, name: str) -> bytes | None:
        """Return data stored by another machine, or ``None``."""

    def put(self, name: str, data: bytes) -> None:
        """Store data."""

    def remove(self, end: str) -> None:
        """Remove all entries whose names have this ending, in all folders."""

    def clear(self, folder: str) -> None:
        """Remove all entries of a folder."""


class FeatureCache:
    """Features by digest, for the current version of the pipeline, in a folder that can be removed at any time.

    Several processes may share the folder: files are replaced as a whole, and all processes write the same file for the
    same picture. Features with a damaged file are measured again. Each process keeps the most recently used features in
    memory. With ``shared``, machines without a common folder also measure a picture only once.
    """

    def __init__(
        self,
        folder: Path,
        capacity_in_memory: int = 256,
        limits: Limits = DEFAULT_LIMITS,
        descriptor: Descriptor = BUILT_IN,
        shared: SharedStore | None = None,
    ) -> None:
        is_built_in = descriptor.space.id == BUILT_IN.space.id
        self._folder = folder / (PIPELINE if is_built_in else f"{PIPELINE}-{descriptor.space.id}")
        self._limits = limits
        self._descriptor = descriptor
        self._capacity = capacity_in_memory
        self._shared = shared
        self._recent: OrderedDict[Digest, Features] = OrderedDict()

    def get(self, digest: Digest, load: Callable[[], bytes]) -> Features:
        """Return the features of a picture. If they are not cached, its bytes are loaded and measured.

        Raises:
            IntegrityError: The bytes have another digest.
            UnreadablePictureError: The bytes cannot be decoded.
        """
        features = self._recent.pop(digest, None) or self._load(digest, load) or self._fetch_shared(digest, load)
        features = features or self._measure(digest, load)
        self._recent[digest] = features
        if len(self._recent) > self._capacity:
            self._recent.popitem(last=False)
        return features

    def store(self, features: Features) -> None:
        """Store features that were measured elsewhere."""
        data = features_to_bytes(features)
        self._save(features.digest, data)
        if self._shared is not None:
            self._shared.put(self._get_name(features.digest), data)

    def remove(self, digest: Digest) -> None:
        """Remove a picture for all versions of the pipeline, because features contain a small grey copy of it."""
        self._recent.pop(digest, None)
        for path in self._folder.parent.glob(f"*/{digest.hex[:2]}/{digest.hex}.npz"):
            path.unlink(missing_ok=True)
        if self._shared is not None:
            self._shared.remove(f"{digest.hex[:2]}/{digest.hex}.npz")

    def clear(self) -> None:
        """Remove all features that were measured with this model."""
        self._recent.clear()
        shutil.rmtree(self._folder, ignore_errors=True)
        if self._shared is not None:
            self._shared.clear(self._folder.name)

    def _measure(self, digest: Digest, load: Callable[[], bytes]) -> Features:
        features = self._extract(load)
        if features.digest != digest:
            raise IntegrityError(f"The bytes of picture {digest} have another digest, {features.digest}.")
        self.store(features)
        return features

    def _extract(self, load: Callable[[], bytes]) -> Features:
        return extract(load(), self._limits, descriptor=self._descriptor)

    def _load(self, digest: Digest, load: Callable[[], bytes]) -> Features | None:
        try:
            return self._parse(self._get_path(digest).read_bytes(), digest, load)
        except OSError:
            return None

    def _fetch_shared(self, digest: Digest, load: Callable[[], bytes]) -> Features | None:
        data = None if self._shared is None else self._shared.get(self._get_name(digest))
        features = None if data is None else self._parse(data, digest, load)
        if data is not None and features is not None:
            self._save(digest, data)
        return features

    def _parse(self, data: bytes, digest: Digest, load: Callable[[], bytes]) -> Features | None:
        try:
            features = features_from_bytes(data, partial(self._extract, load), self._descriptor.space)
        except IntegrityError:
            return None
        return features if features.digest == digest else None

    def _save(self, digest: Digest, data: bytes) -> None:
        write_cache_file(self._get_path(digest), data, base_folder=self._folder.parents[1])

    def _get_path(self, digest: Digest) -> Path:
        return self._folder / digest.hex[:2] / f"{digest.hex}.npz"

    def _get_name(self, digest: Digest) -> str:
        return f"{self._folder.name}/{digest.hex[:2]}/{digest.hex}.npz"
