"""Declaration of OpenTimestamps for the rest of the product."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from evidence.anchors.kind import AnchorKind, Attestation, Material, format_time, get_pin_name, gettext_noop
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
    """Settings of calendars, and of the source of Bitcoin's blocks.

    Attributes:
        bitcoin_source: JSON-RPC URL of a Bitcoin node that returns block headers.
        bitcoin_credentials: For a `bitcoin_source`: a file with `user:password` in one line. Bitcoin Core's own
            `.cookie` is one; it is read for each call.
        bitcoin_explorer: Instead of a node: an explorer with Esplora's interface, such as
            `https://blockstream.info/api`. With neither, proofs name their block and stay pending until somebody checks
            them with a node.
    """

    bitcoin_source: str = values.setting("", values.web_url)
    bitcoin_credentials: Path | None = values.setting(None, values.path)
    bitcoin_explorer: str = values.setting("", values.web_url)

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every URL in the operator's settings."""
        return tuple(filter(None, (*self.urls, self.bitcoin_source, self.bitcoin_explorer)))

    @property
    def faults(self) -> dict[str, object]:
        """Possible faults of the settings, each with a value that is true if it applies."""
        return {
            "bitcoin_source and bitcoin_explorer exclude each other": self.bitcoin_source and self.bitcoin_explorer,
            "bitcoin_credentials is for a bitcoin_source": self.bitcoin_credentials and not self.bitcoin_source,
        }


@dataclass(frozen=True, slots=True)
class TrustedChain:
    """A proof-of-work blockchain.

    Attributes:
        network: ``main`` or ``regtest``; blocks of the latter can be made at will and count only by their hash.
        minimum_difficulty: Least work that a header's hash must prove, relative to the easiest target of the main
            network; making such a header costs as much as mining a block.
    """

    name: str  # name in results
    network: Literal["main", "regtest"]
    minimum_difficulty: float
    blocks: tuple[Digest, ...]  # if not empty, only headers with these hashes (as usually written) count
    development: bool  # true for a development chain
    label: str  # label that results show for a development chain


def build(config: OpenTimestampsConfig, session: "requests.Session", _log: object = None) -> "OpenTimestampsAnchor":
    """Return the adapter of calendars."""
    from evidence.anchors.opentimestamps.anchor import OpenTimestampsAnchor
    from evidence.anchors.opentimestamps.blocks import BlockSource, EsploraBlocks, JsonRpcBlocks

    blocks: BlockSource | None = None
    if config.bitcoin_explorer:
        blocks = EsploraBlocks(config.bitcoin_explorer, session)
    elif config.bitcoin_source:
        network: Literal["main", "regtest"] = "regtest" if config.development else "main"
        blocks = JsonRpcBlocks(config.bitcoin_source, session, network, config.bitcoin_credentials)
    return OpenTimestampsAnchor(config.name, config.urls, blocks, development=config.development, session=session)


def verify(digest: Digest, proof: bytes, material: Material, chains: Sequence[TrustedChain], what: str) -> Attestation:
    """Verify a proof against the pinned chains: the attesting block must meet the rule of one of them."""
    from evidence.anchors.opentimestamps.proofs import extract_headers, parse_attestations, verify_proof

    headers = extract_headers(material.items())
    height, _ = verify_proof(proof, digest, headers, "regtest")
    for chain in chains:
        pinned_headers = {number: data for number, data in headers.items() if _is_pinned(chain, data)}
        try:
            height, time = verify_proof(proof, digest, pinned_headers, chain.network, chain.minimum_difficulty)
        except IntegrityError:  # invalid under this pin, although valid as a whole
            continue
        dated = f"dated {format_time(time)} (block times are accurate to about two hours)"
        other_attestations = parse_attestations(proof).other_attestations
        addition = (
            f" The proof also names {', '.join(other_attestations)[:200]}, which is not required."
            if other_attestations
            else ""
        )
        by = f"no later than {format_time(time + CLOCK_TOLERANCE)}"
        block = f"A block of {chain.name}, number {height} as stated in the proof"
        sentence = f"{block}, {dated}, attests the {what}: it existed {by}.{addition}"
        return Attestation(sentence, time + CLOCK_TOLERANCE, chain.name, chain.label if chain.development else "")
    raise UntrustedIssuerError(f"block {height} does not meet the rules of any pinned chain.")


def _is_pinned(chain: TrustedChain, header: bytes) -> bool:
    from evidence.anchors.opentimestamps.proofs import parse_header

    if not chain.blocks:
        return chain.network == "main"
    return Digest.from_hex(parse_header(header).text) in chain.blocks


def vouch(_: object, receipts: Iterable[tuple[Digest, Receipt]], _label: str, trials: str) -> tuple[TrustedChain, ...]:
    """Return the blocks of development chains that attest receipts.

    They can be made at will, so only their hash counts.
    """
    from evidence.anchors.opentimestamps.proofs import extract_headers, parse_header

    blocks_by_witness: dict[str, dict[Digest, None]] = {}
    for receipt in (receipt for _, receipt in receipts if receipt.development):
        for data in extract_headers(receipt.material).values():
            blocks_by_witness.setdefault(receipt.witness, {})[Digest.from_hex(parse_header(data).text)] = None
    return tuple(
        TrustedChain(get_pin_name(witness), "regtest", 0.0, tuple(blocks), development=True, label=trials)
        for witness, blocks in blocks_by_witness.items()
    )


KIND = AnchorKind(
    name="opentimestamps",
    words=gettext_noop("OpenTimestamps (Bitcoin)"),
    config=OpenTimestampsConfig,
    build=build,
    pins="chains",
    verify=verify,
    vouch=vouch,
    suffix=".ots",
    how_to_check=("ots verify {name} -f checkpoint",),
    clocks=CLOCK_TOLERANCE,
    usual=timedelta(hours=12),
    public_name="Bitcoin",
)
