"""Declaration of OpenTimestamps as a kind of timestamp service."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from evidence.anchors.kind import AnchorKind, Attestation, Material, format_pin_name, format_time, gettext_noop
from evidence.formats.errors import UntrustedIssuerError
from exhibit.config import values
from exhibit.config.anchors import AnchorConfig
from exhibit.digests import Digest
from exhibit.errors import IntegrityError
from exhibit.ports import Receipt

if TYPE_CHECKING:
    import requests

    from evidence.anchors.opentimestamps.anchor import OpenTimestampsAnchor

CLOCK_TOLERANCE = timedelta(hours=2)
"""Time by which a Bitcoin block's header may be too early: the rules for miners allow that much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTimestampsConfig(AnchorConfig):
    """Settings of calendars, and of the source of Bitcoin blocks.

    Attributes:
        bitcoin_source: JSON-RPC URL of a Bitcoin node that returns block headers.
        bitcoin_credentials: For a `bitcoin_source`: a file with the line `user:password`, such as Bitcoin Core's
            `.cookie`. It is read for each call.
        bitcoin_explorer: Instead of a node: an explorer with Esplora's interface, such as
            `https://blockstream.info/api`. With neither, proofs stay pending, but contain the height of their block, so
            that they can be verified with a node.
    """

    bitcoin_source: str = values.setting("", values.parse_web_url)
    bitcoin_credentials: Path | None = values.setting(None, values.parse_path)
    bitcoin_explorer: str = values.setting("", values.parse_web_url)

    @property
    def addresses(self) -> tuple[str, ...]:
        """URLs in the operator's settings."""
        return tuple(filter(None, (*self.urls, self.bitcoin_source, self.bitcoin_explorer)))

    @property
    def faults(self) -> dict[str, object]:
        """Possible errors in the settings; an error exists if its value is true."""
        return {
            "set only one of bitcoin_source and bitcoin_explorer": self.bitcoin_source and self.bitcoin_explorer,
            "bitcoin_credentials requires bitcoin_source": self.bitcoin_credentials and not self.bitcoin_source,
        }


@dataclass(frozen=True, slots=True)
class TrustedChain:
    """A proof-of-work blockchain.

    Attributes:
        network: ``main`` or ``regtest``; anybody can create blocks of ``regtest``, so only pinned hashes are accepted.
        minimum_difficulty: Minimum work that a header's hash must prove, relative to the easiest target of the main
            network; forging such a header costs as much as mining a block.
    """

    name: str  # name in results
    network: Literal["main", "regtest"]
    minimum_difficulty: float
    blocks: tuple[Digest, ...]  # hashes in the usual text form; if not empty, only these headers are accepted
    development: bool  # true for a development chain
    label: str  # label that results show for a development chain


def build(config: OpenTimestampsConfig, session: "requests.Session", _log: object = None) -> "OpenTimestampsAnchor":
    """Build the client of the configured calendars."""
    from evidence.anchors.opentimestamps.anchor import OpenTimestampsAnchor
    from evidence.anchors.opentimestamps.blocks import BlockSource, EsploraBlocks, JsonRpcBlocks

    blocks: BlockSource | None = None
    if config.bitcoin_explorer:
        blocks = EsploraBlocks(config.bitcoin_explorer, session)
    elif config.bitcoin_source:
        network: Literal["main", "regtest"] = "regtest" if config.development else "main"
        blocks = JsonRpcBlocks(config.bitcoin_source, session, network, config.bitcoin_credentials)
    return OpenTimestampsAnchor(config.name, config.urls, blocks, development=config.development, session=session)


def verify(
    digest: Digest, proof: bytes, material: Material, chains: Sequence[TrustedChain], subject: str
) -> Attestation:
    """Verify a proof against the pinned chains: the attesting block must meet the requirements of one of them."""
    from evidence.anchors.opentimestamps.proofs import extract_headers, parse_attestations, verify_proof

    headers = extract_headers(material.items())
    height, _ = verify_proof(proof, digest, headers, "regtest")
    for chain in chains:
        pinned_headers = {number: data for number, data in headers.items() if _is_pinned(chain, data)}
        try:
            height, time = verify_proof(proof, digest, pinned_headers, chain.network, chain.minimum_difficulty)
        except IntegrityError:  # valid, but not for this pin
            continue
        date_text = f"dated {format_time(time)} (block times are accurate to about two hours)"
        other_attestations = parse_attestations(proof).other_attestations
        remark = (
            f" The proof also contains {', '.join(other_attestations)[:200]}, which is not required."
            if other_attestations
            else ""
        )
        deadline_text = f"no later than {format_time(time + CLOCK_TOLERANCE)}"
        block_text = f"A block of {chain.name}, number {height} as stated in the proof"
        sentence = f"{block_text}, {date_text}, attests the {subject}: it existed {deadline_text}.{remark}"
        return Attestation(sentence, time + CLOCK_TOLERANCE, chain.name, chain.label if chain.development else "")
    raise UntrustedIssuerError(f"a chain whose rules block {height} meets.")


def _is_pinned(chain: TrustedChain, header: bytes) -> bool:
    from evidence.anchors.opentimestamps.proofs import parse_header

    if not chain.blocks:
        return chain.network == "main"
    return Digest.from_hex(parse_header(header).display_hash) in chain.blocks


def build_pins(
    _: object, receipts: Iterable[tuple[Digest, Receipt]], _label: str, development_label: str
) -> tuple[TrustedChain, ...]:
    """Build pins from the blocks of development chains that attest receipts.

    Anybody can create such blocks, so they are pinned by their hash.
    """
    from evidence.anchors.opentimestamps.proofs import extract_headers, parse_header

    blocks_by_service: dict[str, dict[Digest, None]] = {}
    for receipt in (receipt for _, receipt in receipts if receipt.development):
        for data in extract_headers(receipt.material).values():
            blocks_by_service.setdefault(receipt.service, {})[Digest.from_hex(parse_header(data).display_hash)] = None
    return tuple(
        TrustedChain(format_pin_name(service), "regtest", 0.0, tuple(blocks), development=True, label=development_label)
        for service, blocks in blocks_by_service.items()
    )


KIND = AnchorKind(
    name="opentimestamps",
    description=gettext_noop("OpenTimestamps (Bitcoin)"),
    config=OpenTimestampsConfig,
    build=build,
    trust_field="chains",
    verify=verify,
    build_pins=build_pins,
    suffix=".ots",
    check_instructions=("ots verify {name} -f checkpoint",),
    clock_margin=CLOCK_TOLERANCE,
    usual_response_time=timedelta(hours=12),
    public_name="Bitcoin",
)
