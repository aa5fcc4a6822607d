"""Declaration of EVM chains as a kind of timestamp service."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from evidence.anchors.kind import AnchorKind, Attestation, Material, format_pin_name, format_time, gettext_noop
from evidence.formats.errors import UntrustedIssuerError
from exhibit.config import values
from exhibit.config.anchors import AnchorConfig
from exhibit.digests import Digest
from exhibit.errors import NotFoundError
from exhibit.ports import Receipt
from exhibit.types import OPTIONAL, Count

if TYPE_CHECKING:
    import requests

    from evidence.anchors.evm.account import EvmAccount
    from evidence.anchors.evm.anchor import EvmAnchor


def _parse_contract(value: object) -> bytes:
    fault = "{} is not an address of 0x and 40 hexadecimal digits"
    return bytes.fromhex(values.build_pattern_parser(r"(0x[0-9a-fA-F]{40})?", fault)(value)[2:])


@dataclass(frozen=True, slots=True, kw_only=True)
class EvmConfig(AnchorConfig):
    """Settings of a chain and of the paying account; an encrypted key needs the optional component `evm`.

    Attributes:
        chain_id: Required: the chain's number (EIP-155), such as 1 for Ethereum. A node of another chain is rejected.
        contract: Address of the contract; empty until `POST /operator/timestamp-services/NAME/contract` has created it.
        key_file: Key of the paying account, as a file: Web3 Secret Storage (encrypted JSON), or hexadecimal digits in a
            file that only its user may read.
        password_file: For an encrypted `key_file`: a file with its password.
        key_variable: Instead of a file: the name of an environment variable with the key in hexadecimal digits.
        confirmations: Number of blocks, including its own, that confirm a transaction: 64 by default, which suits
            Ethereum; 1 for chains whose blocks are final immediately.
        gas_price: Wei per unit of gas, such as 0 on chains without fees; by default, the node's suggestion.
        max_gas_price: Without `gas_price`: maximum wei per unit of gas for new transactions; no limit by default.
        validators: Addresses of the validators of a chain with QBFT or IBFT 2.0. `exhibit trust` adds them to the trust
            list, so that blocks sealed by them are accepted without individual pins.
        quorum: With `validators`: number of validators that must have sealed a block, at least two thirds.
    """

    chain_id: int = values.setting(0, values.build_integer_parser(0))
    contract: bytes = values.setting(b"", _parse_contract)
    key_file: Path | None = values.setting(None, values.parse_path)
    password_file: Path | None = values.setting(None, values.parse_path)
    key_variable: str = values.setting("", values.parse_text)
    confirmations: int = values.setting(64, values.build_integer_parser(1, 100_000))
    gas_price: int | None = values.setting(None, values.build_integer_parser(0))
    max_gas_price: int | None = values.setting(None, values.build_integer_parser(1))
    validators: tuple[bytes, ...] = values.setting(
        (), lambda value: tuple(map(_parse_contract, values.parse_texts(value)))
    )
    quorum: int = values.setting(0, values.build_integer_parser(0))

    @property
    def faults(self) -> dict[str, object]:
        """Possible errors in the settings; an error exists if its value is true."""
        has_one_key_source = bool(self.key_file) != bool(self.key_variable)
        return {
            "urls contains more than one URL; give each a table of its own": self.urls[1:],
            "chain_id is missing": not self.chain_id,
            "set either key_file or key_variable for the account's key": not has_one_key_source,
            "password_file is only allowed with key_file": self.password_file and not self.key_file,
            "set only one of gas_price and max_gas_price": None not in {self.gas_price, self.max_gas_price},
            f"validators cannot count: {(fault := find_validators_fault(self.validators, self.quorum))}": fault,
        }


@dataclass(frozen=True, slots=True)
class TrustedLedger:
    """Pinned blocks of an EVM chain that were compared with the chain, and validators whose seals are accepted.

    Attributes:
        validators: Addresses, 20 bytes each, of a chain whose blocks have seals in the form of QBFT or IBFT 2.0.
        quorum: Number of validators that must have sealed a block: at least two thirds, because a smaller number could
            seal two contradictory blocks without detection.
    """

    name: str  # name in results
    chain: int  # the chain's id (EIP-155)
    blocks: tuple[Digest, ...]  # hashes of the accepted blocks, because a header alone proves no work
    development: bool  # true for a development chain
    label: str  # label that results show for a development chain
    validators: tuple[bytes, ...] = field(default=(), metadata=OPTIONAL)
    quorum: Count = field(default=0, metadata=OPTIONAL)


def find_validators_fault(validators: Sequence[bytes], quorum: int) -> str:
    """Return the reason why this quorum of validators is invalid, or an empty string."""
    if not validators and not quorum:
        return ""
    count = len(validators)
    if any(len(validator) != 20 for validator in validators) or len(set(validators)) != count:
        return "validators are not different addresses of 20 bytes"
    return "" if 2 * count <= 3 * quorum <= 3 * count else f"quorum is not between two thirds of {count} and {count}"


def build(config: EvmConfig, session: "requests.Session", _log: object = None) -> "EvmAnchor":
    """Build the client of a chain; without a contract, it can only create one."""
    from evidence.anchors.evm.anchor import EvmAnchor

    return EvmAnchor(
        config.name,
        config.urls[0],
        chain=config.chain_id,
        contract=config.contract,
        unlock=lambda: _load_account(config),
        confirmations=config.confirmations,
        gas_price=config.gas_price,
        max_gas_price=config.max_gas_price,
        development=config.development,
        session=session,
    )


def _load_account(config: EvmConfig) -> "EvmAccount":
    from evidence.anchors.evm.account import load_account_file, load_account_from_environment

    if config.key_file is not None:
        return load_account_file(config.key_file, config.password_file)
    return load_account_from_environment(config.key_variable)


def verify(
    digest: Digest, proof: bytes, _material: Material, ledgers: Sequence[TrustedLedger], subject: str
) -> Attestation:
    """Verify a proof that a pinned block of the chain has a log entry with the digest."""
    try:
        from evidence.anchors.evm.proofs import recover_sealers, verify_proof
    except ImportError as error:  # only some of the requirements in pyproject.toml are installed
        packages = "rlp, trie, eth-keys and eth-hash[pycryptodome]"
        raise NotFoundError(f"The receipt could not be checked: {error}. Install {packages} with pip.") from error
    block = verify_proof(proof, digest)
    shortfall = ""
    for ledger in (ledger for ledger in ledgers if ledger.chain == block.chain):
        seal_text = ""
        if ledger.validators and block.sealed_extra_data:
            seal_count = len(recover_sealers(block.header, block.sealed_extra_data).intersection(ledger.validators))
            seal_count_text = f"sealed by {seal_count} of the {len(ledger.validators)} validators on the trust list"
            has_quorum = seal_count >= ledger.quorum
            seal_text, shortfall = (
                (f" {seal_count_text},", "")
                if has_quorum
                else ("", f" The block is {seal_count_text}; {ledger.quorum} are required.")
            )
        if seal_text or block.hash in ledger.blocks:
            block_text = f"Block {block.number} of {ledger.name}, dated {format_time(block.time)},{seal_text}"
            label = ledger.label if ledger.development else ""
            return Attestation(
                f"{block_text} contains a log entry with the digest of the {subject}.", block.time, ledger.name, label
            )
    raise UntrustedIssuerError(
        f"block {block.number} of the chain {block.chain}, 0x{block.hash.hex}, "
        f"dated {format_time(block.time)}. The proof is valid for it.{shortfall} Compare the hash with a node "
        "or an explorer of that chain."
    )


def build_pins(
    configs: Sequence[EvmConfig], receipts: Iterable[tuple[Digest, Receipt]], label: str, development_label: str
) -> tuple[TrustedLedger, ...]:
    """Build pins from the blocks of receipts, by service and chain, with the validators from the settings."""
    from evidence.anchors.evm.proofs import verify_proof

    blocks_by_service: dict[tuple[str, bool, int], dict[Digest, None]] = {
        (config.name, config.development, config.chain_id): {} for config in configs if config.validators
    }
    validator_sets = {(config.name, config.chain_id): (config.validators, config.quorum) for config in configs}
    for digest, receipt in receipts:
        block = verify_proof(receipt.proof, digest)
        blocks_by_service.setdefault((receipt.service, receipt.development, block.chain), {})[block.hash] = None
    return tuple(
        TrustedLedger(
            format_pin_name(service),
            chain,
            tuple(blocks),
            development,
            development_label if development else label,
            *validator_sets.get((service, chain), ((), 0)),
        )
        for (service, development, chain), blocks in blocks_by_service.items()
    )


def _load_formats() -> dict[str, type]:
    from evidence.anchors.evm.proofs import EvmPending, EvmProof

    return {"evm": EvmProof, "evm-pending": EvmPending}


KIND = AnchorKind(
    name="evm",
    description=gettext_noop("blockchain (EVM)"),
    config=EvmConfig,
    build=build,
    trust_field="ledgers",
    verify=verify,
    build_pins=build_pins,
    suffix=".json",
    prefix="evm-",
    formats=_load_formats,
    check_instructions=(
        "{name} is checked as in docs/reference/trust-list.md, against a block that you have from the chain",
    ),
    usual_response_time=timedelta(minutes=10),
)
