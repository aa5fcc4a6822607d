"""Exchange networks between installations: export them signed by their author, inspect and import them."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from django.db import transaction

from evidence.formats.codec import to_plain
from exhibit.clock import now, parse_rfc3339
from exhibit.digests import Digest
from exhibit.entries import canonical
from exhibit.errors import WrongUseError
from exhibit.plain import one_line
from exhibit.ports import Signer
from exhibit.types import Json
from indexer.picture.card import card_from_dict, create_space
from indexer.picture.descriptor import GuardedDescriptor
from registry.fingerprints import descriptors
from registry.fingerprints.model_files import (
    MAX_TEXT,
    Claim,
    SignedCard,
    model_file,
    parse_card,
    read_model_file,
    sign_card,
)
from registry.fingerprints.models import DescriptorModel
from registry.fingerprints.networks import get_model, recall_from_measurement
from registry.fingerprints.ports import get_descriptors
from registry.log import audit_log
from registry.services.services import Services


@dataclass(frozen=True, slots=True)
class Offer:
    """A signed network from a file, before it is loaded."""

    plain: dict[str, Json]  # the card as signed
    card: SignedCard
    network: bytes
    remarks: tuple[str, ...]  # for the operator


def export_model(
    services: Services, model_name: str, author: str, terms: str, price: str, signer: Signer, *, by: str = ""
) -> tuple[DescriptorModel, Iterator[bytes]]:
    """Return a measured network and the chunks of its file.

    The user's own network gets a card that is signed now; another author's keeps its card.

    Raises:
        WrongUseError: The network was not measured or is built in, or a text is not allowed in a card.
    """
    row = get_model(services, model_name)
    if row.shipped:
        raise WrongUseError(f"{row} comes with Exhibit: others have it.")
    if row.shared is not None and (author or terms or price):
        raise WrongUseError(f"{row} is somebody else's: it is passed on with the card of its author.")
    plain = row.shared or _make_signed_card(row, one_line(author) or services.config.log_origin, terms, price, signer)
    parse_card(plain)
    about = {"network": str(row), "digest": row.digest.hex, "author": plain["author"], "key": plain["key"]}
    audit_log.log_change("network exported", by=by, about=about)
    return row, model_file(plain, services.blobs.get(row.digest))


def _make_signed_card(row: DescriptorModel, author: str, terms: str, price: str, signer: Signer) -> dict[str, Json]:
    texts = tuple(map(one_line, (author, terms, price)))
    if max(map(len, texts)) > MAX_TEXT:
        raise WrongUseError(f"Author, terms and price have at most {MAX_TEXT} characters each.")
    measurement = row.measurement or {}
    if "set" not in measurement:
        hint = f"Measure it: exhibit api POST /operator/models/{row.name}@{row.version}/measure"
        raise WrongUseError(f"A card says what was measured, and {row} wasn't, or long ago.", hint=hint)
    recall = recall_from_measurement(measurement)
    claim = Claim(
        parse_rfc3339(measurement["measured_at"]), measurement["command"], Digest.from_hex(measurement["set"]),
        recall.photos, recall.references, recall.pairs, recall.milliseconds,
        {edit: asdict(figures) for edit, figures in recall.by_edit.items()},
    )  # fmt: skip
    card = SignedCard(
        "exhibit-model/1", card_from_dict(row.card), row.digest, row.size, texts[0], signer.public_key,
        texts[1], texts[2],
        now(), claim, b"",
    )  # fmt: skip
    return sign_card(card, signer)


def read_offer(path: Path, key: str = "", *, anyway: bool = False) -> Offer:
    """Read a model file and verify its signature without loading the network.

    Args:
        path: The file.
        key: First hexadecimal digits that the author's key must have.
        anyway: Accept an older card than the one of the same author's network that is here.

    Raises:
        WrongUseError: The file is invalid, another key has signed it, or a newer card is here.
    """
    plain, card, network = read_model_file(path)
    if not card.key.hex().startswith(key.lower()):
        raise WrongUseError(f"The card is signed by another key: {card.key.hex()}.")
    cards = [parse_card(row.shared) for row in DescriptorModel.objects.exclude(shared=None)]
    same_network = [other for other in cards if (other.key, other.network.name) == (card.key, card.network.name)]
    if not anyway and any(other.made_at > card.made_at for other in same_network):
        raise WrongUseError("A newer card of this author's network is here.", hint="To add the older one, use --force.")
    names = {
        other.key.hex()
        for other in cards
        if other.author.casefold() == card.author.casefold() and other.key != card.key
    }
    remarks = tuple(f"Another key has signed under the name {card.author}, too: {name}" for name in sorted(names))
    return Offer(plain, card, network, remarks)


def import_offer(services: Services, offer: Offer, *, by: str = "") -> DescriptorModel:
    """Store another author's network after testing that it runs as its card says; raises ``WrongUseError``."""
    card = offer.card
    space = create_space(card.network, card.sha256)
    GuardedDescriptor(card.network, space, lambda: offer.network).open()
    get_descriptors(services).refresh()
    existing = DescriptorModel.objects.filter(name=card.network.name, version=card.network.version).first()
    if existing is not None and (existing.shared is None or existing.shared["key"] != card.key.hex()):
        signer_text = "your own" if existing.shared is None else f"signed by {existing.shared['key']}"
        raise WrongUseError(
            f"{existing} is here, {signer_text}.",
            hint="Remove that one first: exhibit api DELETE /operator/models/NAME",
        )
    digest = services.blobs.put(offer.network)
    plain = to_plain(card.network)
    new = DescriptorModel(
        name=card.network.name, version=card.network.version, digest=digest, size=card.size, card=plain,
        shared=offer.plain,
    )  # fmt: skip
    about = {"network": str(new), "digest": digest.hex, "author": card.author, "key": card.key.hex()}
    with transaction.atomic():
        model = descriptors.store_model(new, space)
        DescriptorModel.objects.filter(pk=model.pk).update(shared=offer.plain)
        audit_log.log_change("network imported", by=by, about=about | {"card": Digest.of(canonical(offer.plain)).hex})
    return model
