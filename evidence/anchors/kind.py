"""What the rest of the product knows about a kind of outside witness: one declaration, in the kind's own folder."""

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
Material = Mapping[str, bytes]  # what came with a receipt, by file name


@dataclass(frozen=True, slots=True)
class Attested:
    """What a receipt shows under the trust list."""

    sentence: str
    time: datetime  # by when what was given to the witness existed
    by: str  # the name of the trust list's entry that the receipt leads to
    label: str  # the words that results show when that was started for trials, or nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorKind:
    """A kind of outside witness.

    ``verify`` checks a receipt offline, given the digest, the receipt, what came with it by file name, the trust list's
    entries and what the digest stands for, in words. It raises ``IntegrityError`` when it doesn't hold,
    ``PendingProofError`` and ``UnknownWitnessError``.

    ``vouch`` gives the pins that an installation can vouch for, given the settings of its witnesses of this kind, its
    complete receipts with their digests, and the labels of pins and of those for trials. It raises ``WrongUseError``
    when a file of the settings can't be read.
    """

    name: str  # as it stands in settings and receipts
    words: str  # what such a witness is, in English; the site translates it
    config: type[AnchorConfig]
    build: "Callable[[Any, requests.Session, OwnLog | None], Anchor]"
    pins: str  # the field of the trust list with those that count
    verify: Callable[[Digest, bytes, Material, Any, str], Attested]
    vouch: Callable[[Sequence[Any], Iterable[tuple[Digest, Receipt]], str, str], tuple[Any, ...]]
    suffix: str  # of a receipt's file
    prefix: str = ""  # of a receipt's file in a bundle
    formats: Callable[[], Mapping[str, type]] = dict  # classes of JSON receipts, by schema
    how_to_check: tuple[str, ...]  # by hand, of a file ``{name}``
    usual: timedelta  # how long an answer takes, as far as nothing is known of the witness itself
    public_name: str = ""  # how people call a witness with legal weight, in place of its name
    clocks: timedelta = timedelta(0)  # by so much the time that counts is later than the one that a receipt states
    is_direct: bool = False  # whether it stamps seals directly as well, so that one program alone checks them


def as_told(witness: str) -> str:
    """The name of a pin of blocks that an installation vouches for."""
    return f"{witness} (block as the operator's node gave it)"


def shown(time: datetime) -> str:
    """A time in a verifier's sentence."""
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"
