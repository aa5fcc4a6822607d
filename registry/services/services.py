"""All ports of one process: the one place that picks adapters from the configuration."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from exhibit.config.config import Config
from exhibit.files.blobs import BlobStore
from exhibit.network.guard import Guard
from exhibit.ports import Capturer
from registry.services.stores import WITHHELD, Rooms, objects_of, rooms_of, store_at

if TYPE_CHECKING:
    from django.db.models import Model

    from exhibit.files.bucket import NamedObjects
    from exhibit.pictures.decode import Limits

Made = TypeVar("Made")
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
        self._made: dict[Callable[[Services], Any], Any] = {}

    def once(self, make: "Callable[[Services], Made]") -> Made:
        """Return what ``make`` returns for these services; it is called the first time only.

        A subject keeps what it needs one of in a process this way, without :class:`Services` knowing the subject.
        """
        if make not in self._made:
            self._made[make] = make(self)
        made: Made = self._made[make]
        return made

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

    @cached_property
    def weighings(self) -> Path:
        """Where the weights of each version of the comparison lie."""
        from indexer.compare.weighing import KEPT  # loads OpenCV, after the fork

        return KEPT

    @cached_property
    def objects(self) -> "NamedObjects | None":
        """The bucket of the configuration, if it has one."""
        return objects_of(self.config)

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
