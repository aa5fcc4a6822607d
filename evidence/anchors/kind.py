"""Declaration of a kind of timestamp service for the rest of the product, made in the kind's own folder."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from exhibit.config.anchors import AnchorConfig
from exhibit.digests import Digest
from exhibit.ports import Anchor, OwnLog, Receipt

if TYPE_CHECKING:
    import requests

gettext_noop = str  # marks words that the site translates
Material = Mapping[str, bytes]  # files that came with a receipt, by name


@dataclass(frozen=True, slots=True)
class Attestation:
    """Result of verifying a receipt under the trust list."""

    sentence: str
    time: datetime  # time by which the digest existed
    by: str  # name of the trust list's entry that the receipt leads to
    label: str  # label that results show for a development entry, or empty


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorKind:
    """A kind of timestamp service.

    ``verify`` checks a receipt offline, given the digest, the receipt, its material by file name, the trust list's
    entries, and the subject of the digest in words. It raises ``IntegrityError`` if the receipt is invalid,
    ``PendingProofError`` and ``UnknownWitnessError``.

    ``vouch`` returns the pins that an installation can vouch for, given the settings of its services of this kind, its
    complete receipts with their digests, and the labels of pins and of development pins. It raises ``WrongUseError`` if
    a file in the settings cannot be read.
    """

    name: str  # name in settings and receipts
    words: str  # description in English; the site translates it
    config: type[AnchorConfig]
    build: "Callable[[Any, requests.Session, OwnLog | None], Anchor]"
    pins: str  # the field of the trust list with those that count
    verify: Callable[[Digest, bytes, Material, Any, str], Attestation]
    vouch: Callable[[Sequence[Any], Iterable[tuple[Digest, Receipt]], str, str], tuple[Any, ...]]
    suffix: str  # of a receipt's file
    prefix: str = ""  # of a receipt's file in a bundle
    formats: Callable[[], Mapping[str, type]] = dict  # classes of JSON receipts, by schema
    how_to_check: tuple[str, ...]  # instructions for checking a file ``{name}`` by hand
    usual: timedelta  # usual response time, if nothing is known about the service itself
    public_name: str = ""  # well-known name of a service with legal weight, instead of its configured name
    clocks: timedelta = timedelta(0)  # margin added to the time that a receipt states
    is_direct: bool = False  # true if it also stamps seals directly, so that a single program can check them


def get_pin_name(witness: str) -> str:
    """Return the name of a pin for blocks that an installation vouches for."""
    return f"{witness} (block as the operator's node gave it)"


def format_time(time: datetime) -> str:
    """Format a time for a verifier's sentence."""
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"
