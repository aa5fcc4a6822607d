"""Real timestamp services on loopback, queried for one bundle: an authority, a calendar, two chains."""

from dataclasses import replace
from pathlib import Path

from evidence.anchors.cosignature.anchor import LogWitnessAnchor
from evidence.anchors.cosignature.kind import TrustedWitness
from evidence.anchors.evm.account import EvmAccount
from evidence.anchors.evm.anchor import EvmAnchor
from evidence.anchors.evm.kind import TrustedLedger
from evidence.anchors.evm.proofs import verify_proof as verify_evm_proof
from evidence.anchors.opentimestamps.anchor import OpenTimestampsAnchor
from evidence.anchors.opentimestamps.blocks import JsonRpcBlocks
from evidence.anchors.opentimestamps.proofs import extract_headers, parse_header
from evidence.anchors.rfc3161.anchor import Rfc3161Anchor
from evidence.bundle.bag import AnchorProof, Proofs, compute_checkpoint_digest
from evidence.development.authority import run_authority
from evidence.development.chain import run_chain
from evidence.log.append_only import Log
from evidence.verdict.trust import Requirements, Trust
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.network.guard import Guard
from exhibit.network.http import create_guarded_session
from exhibit.ports import Receipt
from tests.assets.local_witness import running_witness

LABEL = "started for tests, without legal weight"


def request_timestamps(
    folder: Path, seal_digest: Digest, checkpoint: Digest
) -> tuple[tuple[AnchorProof, ...], bytes, Digest]:
    """Return timestamps of the seal digest and the checkpoint, and a block over the checkpoint.

    Returns the root and the block to pin as well.
    """
    session = create_guarded_session(Guard(("127.0.0.0/8",)))
    with run_authority(folder / "authority") as authority, run_chain(folder / "chain") as chain:
        roots = [authority.root_pem]
        stamps = Rfc3161Anchor("Test authority", authority.url, roots, development=True, session=session)
        source = JsonRpcBlocks(chain.url, session, "regtest")
        calendar = OpenTimestampsAnchor("Test chain", [chain.url], source, development=True, session=session)
        pending = calendar.submit(checkpoint)
        chain.mine_block()
        attested: Receipt = calendar.upgrade(checkpoint, pending)
        anchors = (
            AnchorProof(seal_digest, stamps.submit(seal_digest)),
            AnchorProof(checkpoint, stamps.submit(checkpoint)),
            AnchorProof(checkpoint, attested),
        )
        header = next(iter(extract_headers(attested.material).values()))
        return anchors, authority.root_pem, Digest.from_hex(parse_header(header).display_hash)


def request_cosignature(log: Log, checkpoint: Digest, note: str) -> tuple[AnchorProof, TrustedWitness]:
    """Return a cosignature under a checkpoint of a log, by a witness new to the log, and the witness's key to pin."""

    class Head:
        def note(self, _digest: Digest) -> str:
            return note

        def size(self) -> int:
            return log.count_entries()

        def consistency(self, old: int, new: int) -> list[bytes]:
            return log.prove_consistency(old, new)

    with running_witness() as witness:
        witness.add_log(log.get_verifier_key())
        witness.time = int(now().timestamp())
        session = create_guarded_session(Guard(("127.0.0.0/8",)))
        anchor = LogWitnessAnchor("Test witness", witness.url, witness.vkey, Head(), development=True, session=session)
        pinned = TrustedWitness("Test witness", witness.vkey, development=True, label=LABEL)
        return AnchorProof(checkpoint, anchor.submit(checkpoint)), pinned


def add_cosignature(log: Log, proofs: Proofs, trust: Trust) -> tuple[Proofs, Trust]:
    """Return proofs with a cosignature under their checkpoint, and a trust list that requires it."""
    assert proofs.entry is not None
    note = proofs.entry.checkpoint
    proof, pinned = request_cosignature(log, compute_checkpoint_digest(note), note)
    asking = replace(trust, cosigners=(pinned,), requires=Requirements(1, cosigners=1))
    return replace(proofs, anchors=(*proofs.anchors, proof)), asking


def request_ledger_entry(checkpoint: Digest) -> tuple[AnchorProof, TrustedLedger]:
    """Return an event log of the checkpoint on an EVM chain, and the block to pin."""
    account = EvmAccount(b"\x07" * 32)
    from tests.assets.evm_chain import EvmChain, deploy_contract, running_evm_chain  # takes a second to load

    chain = EvmChain([account.address])
    session = create_guarded_session(Guard(("127.0.0.0/8",)))
    options = {"chain": chain.chain_id, "unlock": lambda: account, "confirmations": 1, "session": session}
    with running_evm_chain(chain) as url:
        maker = EvmAnchor("Test ledger", url, contract=b"", development=True, **options)  # type: ignore[arg-type]
        contract = deploy_contract(chain, maker)
        anchor = EvmAnchor("Test ledger", url, contract=contract, development=True, **options)  # type: ignore[arg-type]
        receipt = anchor.upgrade(checkpoint, anchor.submit(checkpoint))
        chain.mine_blocks()
        receipt = anchor.upgrade(checkpoint, receipt)
    block = verify_evm_proof(receipt.proof, checkpoint)
    ledger = TrustedLedger("Test ledger", chain.chain_id, (block.hash,), development=True, label=LABEL)
    return AnchorProof(checkpoint, receipt), ledger
