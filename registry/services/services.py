"""All ports of one process: the only place that selects adapters from the configuration."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from exhibit.config.config import Config
from exhibit.files.blobs import BlobStore
from exhibit.network.guard import Guard
from exhibit.ports import Capturer
from registry.services.stores import WITHHELD, NumberedStores, get_named_objects, get_numbered_stores, open_blob_store

if TYPE_CHECKING:
    from django.db.models import Model

    from exhibit.files.bucket import BucketFolder
    from exhibit.pictures.decode import Limits

Instance = TypeVar("Instance")
QueueLength = Callable[[str], int]
"""Function that returns the number of messages in a task's queue, so that the tick does not send duplicates."""


class Enqueue(Protocol):
    """Function that asks workers to process rows once the current transaction has committed.

    The request is a hint: the tick finds pending rows in any case.
    """

    def __call__(self, rows: "type[Model]", ids: Sequence[int], /, *, by_user: bool = False) -> None:
        """Request the rows' job; ``by_user`` is True if a user is waiting for the result."""


def skip_enqueue(rows: "type[Model]", ids: Sequence[int], *, by_user: bool = False) -> None:
    """Do nothing: for processes that leave all rows to the tick."""


class Services:
    """All ports of one process, each created on first use.

    Attributes:
        features_in_memory: Number of pictures whose features the process keeps in memory, up to 1.5 MB each.
    """

    features_in_memory = 256

    def __init__(
        self, config: Config, enqueue: Enqueue = skip_enqueue, count_queued: QueueLength = lambda _: 0
    ) -> None:
        self.config = config
        self.enqueue = enqueue
        self.count_queued = count_queued
        self._instances: dict[Callable[[Services], Any], Any] = {}

    def get_or_create(self, make: "Callable[[Services], Instance]") -> Instance:
        """Return the result of ``make`` for these services. ``make`` is called once, and its result is cached.

        Modules store their process-wide objects this way, so that :class:`Services` does not depend on them.
        """
        if make not in self._instances:
            self._instances[make] = make(self)
        instance: Instance = self._instances[make]
        return instance

    @property
    def stale_after(self) -> timedelta:
        """Time after which another worker may take over a claimed row."""
        return timedelta(seconds=self.config.step_timeout_seconds)

    @cached_property
    def blobs(self) -> BlobStore:
        """Store of exact bytes."""
        return open_blob_store(self.config, self.config.blobs_url)

    @cached_property
    def withheld(self) -> BlobStore:
        """Store of exact bytes that a purge has withheld: retained, but not available for download."""
        return open_blob_store(self.config, self.config.blobs_url, WITHHELD)

    @cached_property
    def uploads(self) -> NumberedStores:
        """Uploaded files that are not registered yet, by upload."""
        return get_numbered_stores(self.config, "uploads")

    @cached_property
    def guard(self) -> Guard:
        """Guard against requests to forbidden addresses."""
        return Guard(allowed_networks=self.config.allowed_networks)

    @cached_property
    def limits(self) -> "Limits":
        """Limits for decoding pictures."""
        from exhibit.pictures.decode import Limits  # loads NumPy and Pillow, which most commands do without

        return Limits(max_bytes=self.config.max_picture_bytes, max_pixels=self.config.max_picture_pixels)

    @cached_property
    def weights_folder(self) -> Path:
        """Folder with the weights of the odds model, one file for each version of the comparison."""
        from indexer.compare.odds_model import WEIGHTS_FOLDER  # loads OpenCV, after the fork

        return WEIGHTS_FOLDER

    @cached_property
    def objects(self) -> "BucketFolder | None":
        """The configured bucket, if there is one."""
        return get_named_objects(self.config)

    @cached_property
    def capturer(self) -> Capturer:
        """Capturer of web pages. It uses a browser if one is installed."""
        from evidence.capture.http_capturer import HttpCapturer
        from exhibit.browser.program import find_browser

        program = find_browser(self.config.capture_browser).path
        if program is None:
            return HttpCapturer(self.guard, self.user_agent)
        from evidence.capture.browser.capturer import BrowserCapturer

        return BrowserCapturer(program, self.guard, self.user_agent)

    @property
    def user_agent(self) -> str:
        """User-Agent header of visits, with a contact."""
        from crawler.formats.job import UserAgent

        return UserAgent(**build_contact_fields(self.config.contact)).to_header()


def build_contact_fields(contact: str) -> dict[str, str]:
    """Return the contact, an email address or a URL, as keyword arguments of the crawler's ``UserAgent``."""
    if not contact:
        return {}
    return {"url": contact} if contact.startswith(("http://", "https://")) else {"email": contact}
