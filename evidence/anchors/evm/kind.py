"""Declaration of chains with Ethereum's interface for the rest of the product."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from evidence.anchors.kind import AnchorKind, Attestation, Material, format_time, get_pin_name, gettext_noop
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
    return bytes.fromhex(values.matching(r"(0x[0-9a-fA-F]{40})?", fault)(value)[2:])


@dataclass(frozen=True, slots=True, kw_only=True)
class EvmConfig(AnchorConfig):
    """Settings of a chain and of the account that pays; an encrypted key needs the optional part `evm`.

    Attributes:
        chain_id: Required: the chain's number (EIP-155), such as 1 for Ethereum. A node of another chain is rejected.
        contract: Address of the contract, which `POST /operator/witnesses/NAME/contract` creates; empty before.
        key_file: Key of the paying account, as a file: Web3 Secret Storage (encrypted JSON), or hexadecimal digits in a
            file that only its user may read.
        password_file: For an encrypted `key_file`: a file with its password.
        key_variable: Instead of a file: the name of an environment variable with the key in hexadecimal digits.
        confirmations: Number of blocks, including the transaction's own, after which it counts: 64 by default, which
            suits Ethereum; 1 for chains whose blocks are final at once.
        gas_price: Wei per unit of gas, such as 0 on chains without fees; by default, the node's suggestion.
        max_gas_price: Without `gas_price`: wei per unit of gas above which nothing is signed; no limit by default.
        validators: Addresses of the validators of a chain with QBFT or IBFT 2.0, which `exhibit trust` then lists:
            blocks that they have sealed count without being pinned one by one.
        quorum: With `validators`: number of them that must have sealed a block, at least two thirds.
    """

    chain_id: int = values.setting(0, values.whole_number(0))
    contract: bytes = values.setting(b"", _parse_contract)
    key_file: Path | None = values.setting(None, values.path)
    password_file: Path | None = values.setting(None, values.path)
    key_variable: str = values.setting("", values.text)
    confirmations: int = values.setting(64, values.whole_number(1, 100_000))
    gas_price: int | None = values.setting(None, values.whole_number(0))
    max_gas_price: int | None = values.setting(None, values.whole_number(1))
    validators: tuple[bytes, ...] = values.setting((), lambda value: tuple(map(_parse_contract, values.texts(value))))
    quorum: int = values.setting(0, values.whole_number(0))

    @property
    def faults(self) -> dict[str, object]:
        """Possible faults of the settings, each with a value that is true if it applies."""
        is_one = bool(self.key_file) != bool(self.key_variable)
        return {
            "urls names more than one; give each a table of its own": self.urls[1:],
            "chain_id is missing": not self.chain_id,
            "one of key_file and key_variable has to name the account's key": not is_one,
            "password_file is for a key_file": self.password_file and not self.key_file,
            "gas_price and max_gas_price exclude each other": None not in {self.gas_price, self.max_gas_price},
            f"validators cannot count: {(fault := find_validators_fault(self.validators, self.quorum))}": fault,
        }


@dataclass(frozen=True, slots=True)
class TrustedLedger:
    """Pinned blocks of an EVM chain that somebody has compared with the chain, and validators whose seals count.

    Attributes:
        validators: Addresses, 20 bytes each, of a chain whose blocks have seals in the form of QBFT or IBFT 2.0.
        quorum: Number of them that must have sealed a block: at least two thirds, because fewer could seal two
            contradictory blocks without any of them being caught.
    """

    name: str  # name in results
    chain: int  # the chain's id (EIP-155)
    blocks: tuple[Digest, ...]  # hashes of blocks; only these count, because a header alone proves no work
    development: bool  # true for a development chain
    label: str  # label that results show for a development chain
    validators: tuple[bytes, ...] = field(default=(), metadata=OPTIONAL)
    quorum: Count = field(default=0, metadata=OPTIONAL)


def find_validators_fault(validators: Sequence[bytes], quorum: int) -> str:
    """Return why this quorum of validators cannot be required, or an empty text."""
    if not validators and not quorum:
        return ""
    count = len(validators)
    if any(len(validator) != 20 for validator in validators) or len(set(validators)) != count:
        return "validators are not different addresses of 20 bytes"
    return "" if 2 * count <= 3 * quorum <= 3 * count else f"quorum is not between two thirds of {count} and {count}"


def build(config: EvmConfig, session: "requests.Session", _log: object = None) -> "EvmAnchor":
    """Return the adapter of a chain; without a contract it can only create one."""
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
    from evidence.anchors.evm.account import account_from_environment, account_from_file

    if config.key_file is not None:
        return account_from_file(config.key_file, config.password_file)
    return account_from_environment(config.key_variable)


def verify(
    digest: Digest, proof: bytes, _material: Material, ledgers: Sequence[TrustedLedger], what: str
) -> Attestation:
    """Verify that a pinned block of the chain has a log entry with the digest."""
    try:
        from evidence.anchors.evm.proofs import recover_sealers, verify_proof
    except ImportError as error:  # the verifier was installed without all requirements of pyproject.toml
        needs = "rlp, trie, eth-keys and eth-hash[pycryptodome]"
        raise NotFoundError(f"It could not be checked: {error}. Install {needs} with pip.") from error
    block = verify_proof(proof, digest)
    shortfall = ""
    for ledger in (ledger for ledger in ledgers if ledger.chain == block.chain):
        seal_text = ""
        if ledger.validators and block.sealed_extra_data:
            count = len(recover_sealers(block.header, block.sealed_extra_data).intersection(ledger.validators))
            seal_count_text = f"sealed by {count} of {len(ledger.validators)} pinned validators"
            has_quorum = count >= ledger.quorum
            seal_text, shortfall = (
                (f" {seal_count_text},", "")
                if has_quorum
                else ("", f" It is {seal_count_text}; {ledger.quorum} are required.")
            )
        if seal_text or block.hash in ledger.blocks:
            block_text = f"Block {block.number} of {ledger.name}, dated {format_time(block.time)},{seal_text}"
            label = ledger.label if ledger.development else ""
            return Attestation(f"{block_text} holds a log of the {what}.", block.time, ledger.name, label)
    raise UntrustedIssuerError(
        f"the proof holds and leads to block {block.number} of the chain {block.chain}, 0x{block.hash.hex}, "
        f"dated {format_time(block.time)}, which is not pinned.{shortfall} Compare the hash with a node or "
        "an explorer of that chain."
    )


def vouch(
    configured: Sequence[EvmConfig], receipts: Iterable[tuple[Digest, Receipt]], label: str, trials: str
) -> tuple[TrustedLedger, ...]:
    """Return the blocks of receipts as given by the nodes, by witness and chain, with validators from the settings."""
    from evidence.anchors.evm.proofs import verify_proof

    blocks_by_witness: dict[tuple[str, bool, int], dict[Digest, None]] = {
        (config.name, config.development, config.chain_id): {} for config in configured if config.validators
    }
    sets = {(config.name, config.chain_id): (config.validators, config.quorum) for config in configured}
    for digest, receipt in receipts:
        block = verify_proof(receipt.proof, digest)
        blocks_by_witness.setdefault((receipt.witness, receipt.development, block.chain), {})[block.hash] = None
    return tuple(
        TrustedLedger(
            get_pin_name(witness),
            chain,
            tuple(blocks),
            development,
            trials if development else label,
            *sets.get((witness, chain), ((), 0)),
        )
        for (witness, development, chain), blocks in blocks_by_witness.items()
    )


def _formats() -> dict[str, type]:
    from evidence.anchors.evm.proofs import EvmPending, EvmProof

    return {"evm": EvmProof, "evm-pending": EvmPending}


KIND = AnchorKind(
    name="evm",
    words=gettext_noop("blockchain (EVM)"),
    config=EvmConfig,
    build=build,
    pins="ledgers",
    verify=verify,
    vouch=vouch,
    suffix=".json",
    prefix="evm-",
    formats=_formats,
    how_to_check=(
        "{name} is checked as in docs/reference/trust-list.md, against a block that you have from the chain",
    ),
    usual=timedelta(minutes=10),
)
