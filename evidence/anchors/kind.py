"""Declarations of kinds of timestamp services; each kind is declared in its own folder."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from exhibit.config.anchors import AnchorConfig
from exhibit.digests import Digest
from exhibit.ports import Anchor, OwnLog, Receipt

if TYPE_CHECKING:
    import requests

gettext_noop = str  # marks text for translation by the site
Material = Mapping[str, bytes]  # files stored with a receipt, by name


@dataclass(frozen=True, slots=True)
class Attestation:
    """Result of verifying a receipt under the trust list."""

    sentence: str
    time: datetime  # time by which the digest existed
    trust_entry: str  # name of the trust list's entry that verifies the receipt
    label: str  # label that results show for a development entry, or empty


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorKind:
    """A kind of timestamp service.

    ``verify`` verifies a receipt offline, given the digest, the receipt, its material by file name, the trust list's
    entries, and a description of the digest's subject. It raises ``IntegrityError`` if the receipt is invalid,
    ``PendingProofError`` if it is incomplete, and ``UntrustedIssuerError`` if no entry of the trust list verifies it.

    ``build_pins`` builds entries of a trust list, given the settings of the installation's services of this kind, its
    complete receipts with their digests, and the labels of pins and of development pins. It raises
    ``InvalidRequestError`` if a file in the settings cannot be read.
    """

    name: str  # name in settings and receipts
    description: str  # description in English, translated by the site
    config: type[AnchorConfig]
    build: "Callable[[Any, requests.Session, OwnLog | None], Anchor]"
    trust_field: str  # field of the trust list with the entries for this kind
    verify: Callable[[Digest, bytes, Material, Any, str], Attestation]
    build_pins: Callable[[Sequence[Any], Iterable[tuple[Digest, Receipt]], str, str], tuple[Any, ...]]
    suffix: str  # suffix of receipt files
    prefix: str = ""  # prefix of receipt files in a bundle
    formats: Callable[[], Mapping[str, type]] = dict  # classes of JSON receipts, by schema
    check_instructions: tuple[str, ...]  # instructions for manual verification of a file ``{name}``
    usual_response_time: timedelta  # default for the usual response time of a service
    public_name: str = ""  # well-known name that replaces the configured name of services with legal weight
    clock_margin: timedelta = timedelta(0)  # margin added to the time that a receipt states
    is_direct: bool = False  # true if it also timestamps seals directly, so that a single tool can verify them


def format_pin_name(service: str) -> str:
    """Format the name of a pin for blocks that an installation received from its node."""
    return f"{service} (block as returned by the operator's node)"


def format_time(time: datetime) -> str:
    """Format a time in UTC for the sentences of verification results."""
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"
