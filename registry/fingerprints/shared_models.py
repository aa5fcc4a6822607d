"""Exchange models between installations: export signed models, and inspect and import model files."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from django.db import transaction

from evidence.formats.codec import to_plain
from exhibit.clock import now, parse_rfc3339
from exhibit.digests import Digest
from exhibit.entries import encode_canonical
from exhibit.errors import InvalidRequestError
from exhibit.plain import to_one_line
from exhibit.ports import Signer
from exhibit.types import Json
from indexer.picture.card import card_from_dict, create_space
from indexer.picture.descriptor import GuardedDescriptor
from registry.fingerprints import descriptors
from registry.fingerprints.descriptor_models import get_model, parse_recall
from registry.fingerprints.model_files import (
    MAX_TEXT_LENGTH,
    RecallClaim,
    SignedCard,
    iterate_model_file,
    parse_card,
    read_model_file,
    sign_card,
)
from registry.fingerprints.models import DescriptorModel
from registry.fingerprints.ports import get_descriptors
from registry.log import audit_log
from registry.services.services import Services


@dataclass(frozen=True, slots=True)
class SignedModel:
    """A signed model from a file, before it is loaded."""

    card_json: dict[str, Json]  # the signed card as JSON
    card: SignedCard
    model_bytes: bytes
    remarks: tuple[str, ...]  # warnings for the operator


def export_model(
    services: Services, model_name: str, author: str, terms: str, price: str, signer: Signer, *, by: str = ""
) -> tuple[DescriptorModel, Iterator[bytes]]:
    """Return a measured model and the chunks of its model file.

    The card of an own model is signed now. An imported model keeps its author's card.

    Raises:
        InvalidRequestError: The model was not measured or is built in, or a text is not allowed in a card.
    """
    row = get_model(services, model_name)
    if row.shipped:
        raise InvalidRequestError(f"{row} is included in Exhibit, so it cannot be exported.")
    if row.shared is not None and (author or terms or price):
        raise InvalidRequestError(f"{row} is by another author, so its card cannot be changed.")
    card_json = row.shared or _make_signed_card(
        row, to_one_line(author) or services.config.log_origin, terms, price, signer
    )
    parse_card(card_json)
    log_details = {
        "network": str(row),
        "digest": row.digest.hex,
        "author": card_json["author"],
        "key": card_json["key"],
    }
    audit_log.log_change("network exported", by=by, details=log_details)
    return row, iterate_model_file(card_json, services.blobs.get(row.digest))


def _make_signed_card(row: DescriptorModel, author: str, terms: str, price: str, signer: Signer) -> dict[str, Json]:
    texts = tuple(map(to_one_line, (author, terms, price)))
    if max(map(len, texts)) > MAX_TEXT_LENGTH:
        raise InvalidRequestError(f"Author, terms and price can have at most {MAX_TEXT_LENGTH} characters each.")
    measurement = row.measurement or {}
    if "set" not in measurement:
        hint = f"Measure the model: exhibit api POST /operator/models/{row.name}@{row.version}/measure"
        raise InvalidRequestError(f"A card requires a measurement, and {row} has no current one.", hint=hint)
    recall = parse_recall(measurement)
    claim = RecallClaim(
        parse_rfc3339(measurement["measured_at"]), measurement["command"], Digest.from_hex(measurement["set"]),
        recall.photos, recall.references, recall.pairs, recall.milliseconds,
        {edit: asdict(edit_recall) for edit, edit_recall in recall.by_edit.items()},
    )  # fmt: skip
    card = SignedCard(
        "exhibit-model/1", card_from_dict(row.card), row.digest, row.size, texts[0], signer.public_key,
        texts[1], texts[2],
        now(), claim, b"",
    )  # fmt: skip
    return sign_card(card, signer)


def read_signed_model(path: Path, key_prefix: str = "", *, allow_older: bool = False) -> SignedModel:
    """Read a model file and verify its signature without loading the model.

    Args:
        path: Model file.
        key_prefix: First hexadecimal digits that the author's key must have.
        allow_older: Accept a card older than that of the same author's model on this installation.

    Raises:
        InvalidRequestError: The file is invalid or signed with another key, or this installation has a newer card.
    """
    card_json, card, model_bytes = read_model_file(path)
    if not card.key.hex().startswith(key_prefix.lower()):
        raise InvalidRequestError(f"The card is signed by another key: {card.key.hex()}.")
    existing_cards = [parse_card(row.shared) for row in DescriptorModel.objects.exclude(shared=None)]
    same_model_cards = [
        other for other in existing_cards if (other.key, other.network.name) == (card.key, card.network.name)
    ]
    if not allow_older and any(other.made_at > card.made_at for other in same_model_cards):
        raise InvalidRequestError(
            "A newer card of this model is installed.", hint="To add the older card, use --force."
        )
    names = {
        other.key.hex()
        for other in existing_cards
        if other.author.casefold() == card.author.casefold() and other.key != card.key
    }
    remarks = tuple(f"Another key also signs under the name {card.author}: {name}" for name in sorted(names))
    return SignedModel(card_json, card, model_bytes, remarks)


def import_signed_model(services: Services, signed_model: SignedModel, *, by: str = "") -> DescriptorModel:
    """Store an imported model after testing that it matches its card; raises ``InvalidRequestError`` if it does not."""
    card = signed_model.card
    space = create_space(card.network, card.sha256)
    GuardedDescriptor(card.network, space, lambda: signed_model.model_bytes).open()
    get_descriptors(services).refresh()
    existing_row = DescriptorModel.objects.filter(name=card.network.name, version=card.network.version).first()
    if existing_row is not None and (existing_row.shared is None or existing_row.shared["key"] != card.key.hex()):
        signer_text = "your own" if existing_row.shared is None else f"signed by {existing_row.shared['key']}"
        raise InvalidRequestError(
            f"{existing_row} already exists, {signer_text}.",
            hint="Delete that model first: exhibit api DELETE /operator/models/NAME",
        )
    digest = services.blobs.put(signed_model.model_bytes)
    card_json = to_plain(card.network)
    new_row = DescriptorModel(
        name=card.network.name, version=card.network.version, digest=digest, size=card.size, card=card_json,
        shared=signed_model.card_json,
    )  # fmt: skip
    log_details = {"network": str(new_row), "digest": digest.hex, "author": card.author, "key": card.key.hex()}
    with transaction.atomic():
        model = descriptors.store_model(new_row, space)
        DescriptorModel.objects.filter(pk=model.pk).update(shared=signed_model.card_json)
        audit_log.log_change(
            "network imported",
            by=by,
            details=log_details | {"card": Digest.from_bytes(encode_canonical(signed_model.card_json)).hex},
        )
    return model
