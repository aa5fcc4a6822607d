"""What was put on the demonstration's sites: the truth that its result is measured against."""

from dataclasses import dataclass
from typing import Literal

SourceKind = Literal["site", "sitemap", "feed"]
TrapKind = Literal[
    "private-address", "robots", "truncated", "html-named-jpg", "bomb-header", "empty", "not-a-picture", "missing"
]


@dataclass(frozen=True, slots=True)
class Site:
    """One small web site, and what a watch over it starts from."""

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
    """A picture on a page that is no copy of a work."""

    name: str
    site: str
    page_url: str
    image_url: str


@dataclass(frozen=True, slots=True)
class Trap:
    """An address that a crawl must refuse or can't read, and why. `target` is where a redirect leads."""

    kind: TrapKind
    site: str
    page_url: str
    image_url: str
    target: str | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """A licence as the owner's ledger holds it; dates are ISO 8601, both days included."""

    works: tuple[str, ...]
    licensee: str
    domain: str
    url_pattern: str
    valid_from: str
    valid_until: str
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that the sites hold.

    `forbidden` lists copies in folders that robots.txt forbids: nobody may fetch them, so nobody can find them. Those
    of them that stand on pages which may be read are traps too, because their refusal has to be recorded.
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
        """How many picture addresses the sites hold, with the broken and the forbidden ones."""
        parts = (self.planted, self.licensed, self.forbidden, self.lookalikes, self.unrelated)
        broken = [trap for trap in self.traps if trap.kind != "robots"]
        return sum(len(part) for part in parts) + len(broken)
