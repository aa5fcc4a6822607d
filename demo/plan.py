"""Ground truth of the demonstration: the content of its sites, with which its result is compared."""

from dataclasses import dataclass
from typing import Literal

SourceKind = Literal["site", "sitemap", "feed"]
TrapKind = Literal[
    "private-address", "robots", "truncated", "html-named-jpg", "bomb-header", "empty", "not-a-picture", "missing"
]


@dataclass(frozen=True, slots=True)
class Site:
    """One small web site, and the starting point of a watch over it."""

    name: str
    title: str
    base: str
    source: SourceKind
    start_url: str


@dataclass(frozen=True, slots=True)
class Use:
    """A copy of a work on a page. `work` is the name of the work's file."""

    work: str
    edit: str
    site: str
    page_url: str
    image_url: str


@dataclass(frozen=True, slots=True)
class Placed:
    """An image on a page that is not a copy of a work."""

    name: str
    site: str
    page_url: str
    image_url: str


@dataclass(frozen=True, slots=True)
class Trap:
    """A URL that a crawl must refuse or cannot read, and the reason. `target` is the target of a redirect."""

    kind: TrapKind
    site: str
    page_url: str
    image_url: str
    target: str | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """A licence as in the owner's ledger. Dates are ISO 8601, both days included."""

    works: tuple[str, ...]
    licensee: str
    domain: str
    url_pattern: str
    valid_from: str
    valid_until: str
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Content of all sites.

    `forbidden` lists copies in folders that robots.txt disallows: they must not be fetched and so cannot be found.
    Those on readable pages are also listed as traps, because their refusal has to be recorded.
    """

    sites: tuple[Site, ...]
    planted: tuple[Use, ...]
    licensed: tuple[Use, ...]
    forbidden: tuple[Use, ...]
    lookalikes: tuple[Placed, ...]
    unrelated: tuple[Placed, ...]
    traps: tuple[Trap, ...]
    licences: tuple[Terms, ...]

    @property
    def pictures(self) -> int:
        """Number of image URLs on the sites, including broken and forbidden ones."""
        parts = (self.planted, self.licensed, self.forbidden, self.lookalikes, self.unrelated)
        broken = [trap for trap in self.traps if trap.kind != "robots"]
        return sum(len(part) for part in parts) + len(broken)
