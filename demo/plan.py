"""Ground truth of the demonstration: the content of its sites, with which the result is compared."""

from dataclasses import dataclass
from typing import Literal

SourceKind = Literal["site", "sitemap", "feed"]
TrapKind = Literal[
    "private-address", "robots", "truncated", "html-named-jpg", "bomb-header", "empty", "not-a-picture", "missing"
]


@dataclass(frozen=True, slots=True)
class Site:
    """One small web site, and the start URL of the watch that crawls it."""

    name: str
    title: str
    base: str
    source: SourceKind
    start_url: str


@dataclass(frozen=True, slots=True)
class CopyUse:
    """A copy of a work on a page. `work` is the name of the work's file."""

    work: str
    edit: str
    site: str
    page_url: str
    image_url: str


@dataclass(frozen=True, slots=True)
class OtherImage:
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
class LicenceTerms:
    """A licence as in the owner's ledger. Dates are in ISO 8601, first and last day included."""

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

    `forbidden_uses` are copies in folders that robots.txt disallows. They must not be fetched, so they cannot be found.
    Those that are shown on allowed pages are also listed as traps, because their refusal must be recorded.
    """

    sites: tuple[Site, ...]
    planted_uses: tuple[CopyUse, ...]
    licensed_uses: tuple[CopyUse, ...]
    forbidden_uses: tuple[CopyUse, ...]
    lookalike_images: tuple[OtherImage, ...]
    unrelated_images: tuple[OtherImage, ...]
    traps: tuple[Trap, ...]
    licences: tuple[LicenceTerms, ...]

    @property
    def picture_count(self) -> int:
        """Number of image URLs on the sites, including broken and forbidden ones."""
        groups = (
            self.planted_uses,
            self.licensed_uses,
            self.forbidden_uses,
            self.lookalike_images,
            self.unrelated_images,
        )
        broken_traps = [trap for trap in self.traps if trap.kind != "robots"]
        return sum(len(group) for group in groups) + len(broken_traps)
