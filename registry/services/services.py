"""All ports of one process: the one place that picks adapters from the configuration."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from evidence.keys.ed25519 import KeySigner, derived, mounted_signer
from exhibit.config.config import AnchorConfig, Config
from exhibit.config.secrets import LOG_KEY, mounted, secret_path
from exhibit.files.blobs import BlobStore
from exhibit.network.guard import Guard
from exhibit.ports import Anchor, Capturer, Signer
from exhibit.types import Space
from registry.services.stores import WITHHELD, Rooms, SharedObjects, log_head, objects_of, rooms_of, store_at

if TYPE_CHECKING:
    from django.db.models import Model

    from evidence.log.append_only import Log
    from exhibit.files.bucket import NamedObjects
    from exhibit.pictures.decode import Limits
    from indexer.picture.descriptor import Descriptor
    from indexer.search.cache import FeatureCache
    from registry.cases.floods import Fuse
    from registry.services.descriptors import Descriptors
    from registry.services.indexes import Indexes

Queued = Callable[[str], int]
"""How many messages wait in the queue of a task, so that the tick doesn't say again what is still to be heard."""


class Enqueue(Protocol):
    """Asks workers to do the job of some rows soon. Only a hint: the periodic search finds waiting rows anyway."""

    def __call__(self, rows: "type[Model]", ids: Sequence[int], /, *, asked: bool = False) -> None:
        """Ask for it; ``asked`` where a person waits for them."""


def leave_to_the_tick(rows: "type[Model]", ids: Sequence[int], *, asked: bool = False) -> None:
    """For processes that leave everything to the tick."""


class Services:
    """All ports of one process, each made when it is first needed.

    Attributes:
        features_in_memory: Measured pictures that the process keeps in memory, of up to 1.5 MB each.
    """

    features_in_memory = 256

    def __init__(self, config: Config, enqueue: Enqueue = leave_to_the_tick, queued: Queued = lambda _: 0) -> None:
        self.config = config
        self.enqueue = enqueue
        self.queued = queued
        self._features: dict[str, FeatureCache] = {}
        self._anchors: tuple[tuple[AnchorConfig, ...], tuple[Anchor, ...]] | None = None

    @property
    def stale_after(self) -> timedelta:
        """How long a claimed row may stay silent before another worker takes it."""
        return timedelta(seconds=self.config.step_timeout_seconds)

    @cached_property
    def blobs(self) -> BlobStore:
        """Exact bytes."""
        return store_at(self.config, self.config.blobs_url)

    @cached_property
    def withheld(self) -> BlobStore:
        """Exact bytes that a purge has set aside: kept, and handed to nobody."""
        return store_at(self.config, self.config.blobs_url, WITHHELD)

    @cached_property
    def uploads(self) -> Rooms:
        """Where files wait that were sent and aren't registered yet, by upload."""
        return rooms_of(self.config, "uploads")

    @cached_property
    def guard(self) -> Guard:
        """Which addresses may be reached."""
        return Guard(allowed_networks=self.config.allowed_networks)

    @cached_property
    def limits(self) -> "Limits":
        """Limits of decoding."""
        from exhibit.pictures.decode import Limits  # loads NumPy and Pillow, which most commands do without

        return Limits(max_bytes=self.config.max_picture_bytes, max_pixels=self.config.max_picture_pixels)

    @property
    def fuse(self) -> "Fuse":
        """How much may be found of a work in a day before it is held back."""
        from registry.cases.floods import Fuse  # needs Django

        return Fuse(self.config.flood_floor, self.config.flood_factor)

    @cached_property
    def weighings(self) -> Path:
        """Where the weights of each version of the comparison lie."""
        from indexer.compare.weighing import KEPT  # loads OpenCV, after the fork

        return KEPT

    @cached_property
    def descriptors(self) -> "Descriptors":
        """The networks that describe pictures."""
        from registry.services.descriptors import Descriptors  # loads OpenCV, after the fork

        return Descriptors(lambda: self.blobs)

    @property
    def features(self) -> "FeatureCache":
        """What was measured of registered pictures, with the network that serves."""
        return self.features_in(self.descriptors.serving)

    def features_in(self, descriptor: "Descriptor") -> "FeatureCache":
        """What was measured of registered pictures with a network."""
        from indexer.search.cache import FeatureCache  # loads OpenCV and ONNX Runtime, after the fork

        space, folder = descriptor.space.id, self.config.data_dir / "features"
        if space not in self._features:
            objects = objects_of(self.config, folder.name)
            shared = None if objects is None else SharedObjects(objects)
            self._features[space] = FeatureCache(folder, self.features_in_memory, self.limits, descriptor, shared)
        return self._features[space]

    @cached_property
    def indexes(self) -> "Indexes":
        """What is searched."""
        from registry.services.indexes import Indexes  # loads FAISS, after the fork

        def serving() -> tuple[Space, int]:
            return self.descriptors.serving.space, self.descriptors.serving_row.pk

        return Indexes(self.config, serving)

    @property
    def log(self) -> "Log":
        """The append-only log with its own key, under its present name, which another process may have changed."""
        from evidence.log.append_only import Log  # not every process signs
        from registry.log.log import PostgresLogStore, origins

        names = origins() or {self.config.log_origin: None}
        *left, origin = names
        known = {name: key for name, key in names.items() if key is not None}
        return Log(PostgresLogStore(), self._log_signer, origin, log_head(self.config, self._objects), left, known)

    @cached_property
    def _log_signer(self) -> KeySigner:
        from evidence.log.append_only import log_key

        if (given := mounted(self.config, LOG_KEY)) is not None:
            return mounted_signer(given)
        head = log_head(self.config, self._objects)
        return log_key(secret_path(self.config, LOG_KEY), head, self.config.log_origin)

    @cached_property
    def witness_signer(self) -> Signer:
        """The key that cosigns heads of others' logs: the same on all machines, for it follows from the log's."""
        return derived(self._log_signer, b"exhibit witness of logs v1")

    @cached_property
    def author_signer(self) -> Signer:
        """The key that signs cards of models: nobody sees in it which log it follows from."""
        return derived(self._log_signer, b"exhibit author of models v1")

    @property
    def witness_name(self) -> str:
        """The name that stands beside its cosignatures."""
        return f"{self.config.log_origin}/witness"

    @cached_property
    def _objects(self) -> "NamedObjects | None":
        return objects_of(self.config)

    @property
    def witnesses(self) -> tuple[AnchorConfig, ...]:
        """The settings of the outside witnesses: of those that are configured, and of those that were added since."""
        from registry.log.added_witnesses import added_witnesses  # needs Django

        return (*self.config.anchors, *added_witnesses(self.config))

    @property
    def anchors(self) -> tuple[Anchor, ...]:
        """The outside witnesses, each ready to be asked."""
        from registry.services.anchors import RowsOfLog, anchor_of  # not every process asks witnesses

        found = self.witnesses
        if self._anchors is None or self._anchors[0] != found:
            networks, agent, log = self.config.allowed_networks, self.user_agent, RowsOfLog(lambda: self.log)
            self._anchors = found, tuple(anchor_of(anchor, networks, agent, log) for anchor in found)
        return self._anchors[1]

    @cached_property
    def capturer(self) -> Capturer:
        """Visits pages and keeps what was served."""
        from evidence.capture.plain import HttpCapturer
        from exhibit.browser.program import find_browser

        program = find_browser(self.config.capture_browser).path
        if program is None:
            return HttpCapturer(self.guard, self.user_agent)
        from evidence.capture.browser.capturer import BrowserCapturer

        return BrowserCapturer(program, self.guard, self.user_agent)

    @property
    def user_agent(self) -> str:
        """Who visits, with a contact."""
        from crawler.formats.job import UserAgent

        return UserAgent(**contact_fields(self.config.contact)).header()


def contact_fields(contact: str) -> dict[str, str]:
    """The contact of the configuration as the crawler's user agent takes it: an e-mail address or a page."""
    if not contact:
        return {}
    return {"url": contact} if contact.startswith(("http://", "https://")) else {"email": contact}
