"""Files that carry models between installations: a ZIP of the model and its card, signed by its author.

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
from evidence.formats.container import NoBundleError, create_member, iterate_zip_chunks, read_all
from evidence.formats.zipread import ZipContents
from evidence.keys.ed25519 import is_valid_signature
from exhibit.digests import Digest
from exhibit.entries import encode_canonical
from exhibit.errors import InvalidRequestError
from exhibit.plain import to_one_line
from exhibit.ports import Signer
from exhibit.types import Count, Json
from indexer.calibration.recall import Recall, RecallRates
from indexer.picture.card import Card, validate_card
from indexer.picture.descriptor import MAX_FILE_BYTES

SIGNATURE_PREFIX = b"exhibit model card v1\n"
CARD_NAME, MODEL_NAME = "card.json", "network.onnx"
MAX_CARD_BYTES = 1 << 17
"""Maximum size of a card in bytes."""
MAX_TEXT_LENGTH = 2000
TOLERANCE, CHANCE_QUANTILE = 0.05, 1.645
"""Allowed shortfall of measured recall against a claim.

``TOLERANCE`` allows for more difficult test pictures. ``CHANCE_QUANTILE`` is the normal quantile that one in twenty
honest models exceeds because of the small number of photographs, applied to the interval of Agresti and Coull (1998).
"""
_HINT = "The author exports the file: exhibit api GET /operator/models/NAME/file --output FILE"
_EDIT = re.compile("[a-z0-9_-]{1,60}")


@dataclass(frozen=True, slots=True)
class RecallClaim:
    """The measurement that a card claims."""

    at: datetime  # end of the measurement
    command: str  # command that was run
    photographs: Digest  # the test set: SHA-256 of the sorted SHA-256 of the photographs
    photos: Count  # number of query photographs, each in every edit
    references: Count  # number of reference photographs
    pairs: Count  # pairs of unrelated pictures
    milliseconds: float  # per picture
    by_edit: dict[str, Any]  # fraction of copies found, by edit

    def __post_init__(self) -> None:
        names = {field.name for field in fields(RecallRates)}
        if not self.by_edit or not all(map(_EDIT.fullmatch, self.by_edit)):
            raise ValueError("by_edit must contain names of edits")
        for recall_values in self.by_edit.values():
            fractions: list[Any] = (
                list(recall_values.values())
                if isinstance(recall_values, dict) and set(recall_values) == names
                else [-1]
            )
            if not all(type(fraction) in {int, float} and 0 <= fraction <= 1 for fraction in fractions):
                raise ValueError("by_edit must contain numbers from 0 to 1: first, few, rare, never")

    @property
    def mean_recall(self) -> RecallRates:
        """Mean recall over all edits."""
        return average_recall([RecallRates(**values) for values in self.by_edit.values()])


@dataclass(frozen=True, slots=True)
class SignedCard:
    """The signed card of a model that is exchanged between installations."""

    format: Literal["exhibit-model/1"]  # name and number of the format
    network: Card  # preprocessing of pictures
    sha256: Digest  # digest of the model
    size: Count  # size of the model in bytes
    author: str  # a name or pseudonym
    key: Bytes32  # public key of the author, Ed25519
    terms: str  # one line; `terms`, `author` and `price` have at most 2,000 characters each
    price: str  # price in words; Exhibit does not handle payments
    made_at: datetime  # time of the signature, UTC
    measured: RecallClaim  # claimed measurement
    signature: bytes  # signature by the key over SIGNATURE_PREFIX and the canonical JSON of all other fields

    def __post_init__(self) -> None:
        for text in (self.author, self.terms, self.price, self.measured.command):
            if to_one_line(text) != text or len(text) > MAX_TEXT_LENGTH:
                raise ValueError(f"a text has more than one line, or more than {MAX_TEXT_LENGTH} characters")
        if not self.author:
            raise ValueError("the name of the author is empty")


def sign_card(card: SignedCard, signer: Signer) -> dict[str, Json]:
    """Return the card as JSON with a new signature."""
    card_json = to_plain(card)
    content = {name: value for name, value in card_json.items() if name != "signature"}
    return {**content, "signature": signer.sign(SIGNATURE_PREFIX + encode_canonical(content)).hex()}


def parse_card(card_json: Json) -> SignedCard:
    """Read a card and verify its signature; raises ``InvalidRequestError``."""
    try:
        card = from_plain(SignedCard, card_json, location=CARD_NAME)
    except FormatError as error:
        raise InvalidRequestError(f"This is not a model card: {error}", hint=_HINT) from error
    content = {name: value for name, value in card_json.items() if name != "signature"}
    if not is_valid_signature(card.key, card.signature, SIGNATURE_PREFIX + encode_canonical(content)):
        raise InvalidRequestError("The card was changed after it was signed, or another key signed it.", hint=_HINT)
    validate_card(card.network)
    return card


def iterate_model_file(card: Json, model_bytes: bytes) -> Iterator[bytes]:
    """Yield the chunks of a file with a signed card and its model."""
    return iterate_zip_chunks(
        [create_member(CARD_NAME, encode_canonical(card)), create_member(MODEL_NAME, model_bytes)]
    )


def read_model_file(path: Path) -> tuple[dict[str, Json], SignedCard, bytes]:
    """Read a model file: the card as signed, the parsed card, and the model, which is not loaded.

    Raises:
        InvalidRequestError: The file is not a model file or is too large, or its signature or digest is wrong.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES + MAX_CARD_BYTES + 1024:
            raise InvalidRequestError(f"{path} has more than {MAX_FILE_BYTES} bytes.")
        with closing(ZipContents(path)) as contents:
            if contents.names != (CARD_NAME, MODEL_NAME) or contents.leftover_files:
                raise InvalidRequestError(f"{path} must contain only {CARD_NAME} and {MODEL_NAME}.", hint=_HINT)
            card_json = parse_canonical(read_all(contents, CARD_NAME, MAX_CARD_BYTES), label=CARD_NAME)
            card = parse_card(card_json)
            model_bytes = read_all(contents, MODEL_NAME, MAX_FILE_BYTES)
    except (NoBundleError, FormatError) as error:
        raise InvalidRequestError(f"{path} is not a model file: {error}", hint=_HINT) from error
    except OSError as error:
        raise InvalidRequestError(f"{path} cannot be read: {error.strerror}.") from error
    if (Digest.from_bytes(model_bytes), len(model_bytes)) != (card.sha256, card.size):
        raise InvalidRequestError(
            "The model is not the one that its author signed.", hint="Ask the author for the file."
        )
    return card_json, card, model_bytes


@dataclass(frozen=True, slots=True)
class ClaimComparison:
    """A card's claim and this installation's measurement, over the edits that both include."""

    claimed: RecallRates
    measured: RecallRates
    edits: int
    falls_short: bool  # measured R@1 or R@10 is too far below the claim, or no edits are in common


def compare_claim(claim: RecallClaim, measurement: Recall) -> ClaimComparison:
    """Compare a card's claim with a measurement."""
    edits = measurement.by_edit.keys() & claim.by_edit.keys()
    claimed_mean = average_recall([RecallRates(**claim.by_edit[edit]) for edit in edits])
    measured_mean = average_recall([measurement.by_edit[edit] for edit in edits])
    pairs = (claimed_mean.first, measured_mean.first), (claimed_mean.few, measured_mean.few)
    falls_short = not edits or any(
        claimed_fraction - measured_fraction > _compute_allowed_shortfall(claimed_fraction, measurement.photos)
        for claimed_fraction, measured_fraction in pairs
    )
    return ClaimComparison(claimed_mean, measured_mean, len(edits), falls_short)


def _compute_allowed_shortfall(claimed_fraction: float, photo_count: int) -> float:
    """Return the allowed shortfall of a claimed fraction.

    All edits of a photograph count as one observation, because they are correlated.
    """
    fraction = (claimed_fraction * photo_count + 2) / (photo_count + 4)
    return TOLERANCE + CHANCE_QUANTILE * math.sqrt(fraction * (1 - fraction) / (photo_count + 4))


def average_recall(edit_rates: Sequence[RecallRates]) -> RecallRates:
    """Return the unweighted mean recall over several edits, or zeros if there are none."""
    return RecallRates(
        *(
            sum(getattr(rates, field.name) for rates in edit_rates) / max(1, len(edit_rates))
            for field in fields(RecallRates)
        )
    )
