"""Files that carry networks between installations: a ZIP of the network and its card, signed by its author.

docs/reference/protocols.md describes the format.
"""

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from evidence.formats.codec import Bytes32, FormatError, from_plain, parse_canonical, to_plain
from evidence.formats.container import NoBundleError, create_member, read_all, zip_chunks
from evidence.formats.zipread import ZipContents
from evidence.keys.ed25519 import is_valid_signature
from exhibit.digests import Digest
from exhibit.entries import canonical
from exhibit.errors import WrongUseError
from exhibit.plain import one_line
from exhibit.ports import Signer
from exhibit.types import Count, Json
from indexer.calibration.recall import Figures, Recall
from indexer.picture.card import Card, validate_card
from indexer.picture.descriptor import MAX_FILE_BYTES

SIGNATURE_PREFIX = b"exhibit model card v1\n"
CARD, NETWORK = "card.json", "network.onnx"
MAX_CARD = 1 << 17
"""Maximum size of a card in bytes."""
MAX_TEXT = 2000
TOLERANCE, CHANCE = 0.05, 1.645
"""Allowed shortfall of measured recall against a claim.

``TOLERANCE`` is for other pictures being harder. ``CHANCE`` is the normal quantile that one in twenty honest networks
exceeds with so few works, applied to the interval of Agresti and Coull (1998).
"""
_HINT = "Its author exports one: exhibit api GET /operator/models/NAME/file --output FILE"
_EDIT = re.compile("[a-z0-9_-]{1,60}")


@dataclass(frozen=True, slots=True)
class Claim:
    """The measurement that a card claims."""

    at: datetime  # end of the measurement
    command: str  # that measured
    photographs: Digest  # the test set: SHA-256 of the sorted SHA-256 of the photographs
    photos: Count  # photographs searched for, each in every edit
    references: Count  # photographs searched among
    pairs: Count  # pairs of unrelated pictures
    milliseconds: float  # per picture
    by_edit: dict[str, Any]  # share of copies found, by edit

    def __post_init__(self) -> None:
        names = {field.name for field in fields(Figures)}
        if not self.by_edit or not all(map(_EDIT.fullmatch, self.by_edit)):
            raise ValueError("by_edit has names of edits")
        for figures in self.by_edit.values():
            shares: list[Any] = list(figures.values()) if isinstance(figures, dict) and set(figures) == names else [-1]
            if not all(type(share) in {int, float} and 0 <= share <= 1 for share in shares):
                raise ValueError("by_edit has shares from 0 to 1: first, few, rare and never")

    @property
    def overall(self) -> Figures:
        """Mean figures over all edits."""
        return mean_figures([Figures(**figures) for figures in self.by_edit.values()])


@dataclass(frozen=True, slots=True)
class SignedCard:
    """The signed card of a network that is exchanged between installations."""

    format: Literal["exhibit-model/1"]  # name and number of the format
    network: Card  # preprocessing of pictures
    sha256: Digest  # of the network
    size: Count  # bytes of the network
    author: str  # a name or pseudonym
    key: Bytes32  # public key of the author, Ed25519
    terms: str  # one line, as `author` and `price` at most 2,000 characters
    price: str  # in words; Exhibit handles no payment
    made_at: datetime  # time of signature, UTC
    measured: Claim  # claimed measurement
    signature: bytes  # by the key, over HEAD and the canonical JSON of all other fields

    def __post_init__(self) -> None:
        for text in (self.author, self.terms, self.price, self.measured.command):
            if one_line(text) != text or len(text) > MAX_TEXT:
                raise ValueError(f"a text has more than one line, or more than {MAX_TEXT} characters")
        if not self.author:
            raise ValueError("the author has no name")


def sign_card(card: SignedCard, signer: Signer) -> dict[str, Json]:
    """Return the card as plain JSON with a new signature."""
    plain = to_plain(card)
    content = {name: value for name, value in plain.items() if name != "signature"}
    return {**content, "signature": signer.sign(SIGNATURE_PREFIX + canonical(content)).hex()}


def parse_card(plain: Json) -> SignedCard:
    """Read a card and verify its signature; raises ``WrongUseError``."""
    try:
        card = from_plain(SignedCard, plain, where=CARD)
    except FormatError as error:
        raise WrongUseError(f"This isn't the card of a network: {error}", hint=_HINT) from error
    content = {name: value for name, value in plain.items() if name != "signature"}
    if not is_valid_signature(card.key, card.signature, SIGNATURE_PREFIX + canonical(content)):
        raise WrongUseError("The card was changed after it was signed, or signed by another key.", hint=_HINT)
    validate_card(card.network)
    return card


def model_file(card: Json, network: bytes) -> Iterator[bytes]:
    """Yield the chunks of a file with a signed card and its network."""
    return zip_chunks([create_member(CARD, canonical(card)), create_member(NETWORK, network)])


def read_model_file(path: Path) -> tuple[dict[str, Json], SignedCard, bytes]:
    """Read a model file: the card as signed, the parsed card, and the network, which is not loaded.

    Raises:
        WrongUseError: The file is not a model file or is too large, or its signature or digest is wrong.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES + MAX_CARD + 1024:
            raise WrongUseError(f"{path} has more than {MAX_FILE_BYTES} bytes.")
        with closing(ZipContents(path)) as contents:
            if contents.names != (CARD, NETWORK) or contents.left_over:
                raise WrongUseError(f"{path} doesn't hold {CARD} and {NETWORK} and nothing else.", hint=_HINT)
            plain = parse_canonical(read_all(contents, CARD, MAX_CARD), what=CARD)
            card = parse_card(plain)
            network = read_all(contents, NETWORK, MAX_FILE_BYTES)
    except (NoBundleError, FormatError) as error:
        raise WrongUseError(f"{path} isn't the file of a network: {error}", hint=_HINT) from error
    except OSError as error:
        raise WrongUseError(f"{path} can't be read: {error.strerror}.") from error
    if (Digest.of(network), len(network)) != (card.sha256, card.size):
        raise WrongUseError("The network isn't the one that its author signed.", hint="Ask the author for the file.")
    return plain, card, network


@dataclass(frozen=True, slots=True)
class Comparison:
    """A card's claim and a measurement made here, over the edits that both include."""

    claimed: Figures
    measured: Figures
    edits: int
    falls_short: bool  # R@1 or R@10 here is too far below the claim, or there is nothing to compare


def compare_claim(claim: Claim, measurement: Recall) -> Comparison:
    """Compare a claim with a measurement."""
    edits = measurement.by_edit.keys() & claim.by_edit.keys()
    claimed_mean = mean_figures([Figures(**claim.by_edit[edit]) for edit in edits])
    measured_mean = mean_figures([measurement.by_edit[edit] for edit in edits])
    pairs = (claimed_mean.first, measured_mean.first), (claimed_mean.few, measured_mean.few)
    falls_short = not edits or any(
        share - measured_share > _allowed_shortfall(share, measurement.photos) for share, measured_share in pairs
    )
    return Comparison(claimed_mean, measured_mean, len(edits), falls_short)


def _allowed_shortfall(claimed: float, works: int) -> float:
    """Return the allowed shortfall of a share. All edits of a work count as one observation, as they correlate."""
    share = (claimed * works + 2) / (works + 4)
    return TOLERANCE + CHANCE * math.sqrt(share * (1 - share) / (works + 4))


def mean_figures(values: Sequence[Figures]) -> Figures:
    """Return the unweighted mean of figures over several edits; zeros if there are none."""
    return Figures(
        *(sum(getattr(figures, field.name) for figures in values) / max(1, len(values)) for field in fields(Figures))
    )
