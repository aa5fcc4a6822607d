"""Proofs of the log as they are sealed: they read back, and lead to the entry's own leaf."""

import dataclasses
from datetime import UTC, datetime

import pytest

from evidence.formats.codec import FormatError, from_plain, to_plain
from evidence.log import merkle
from evidence.log.notes import parse_note
from evidence.log.proofs import LogProof
from exhibit.entries import EntryType
from tests.assets.bundles import Scene


def test_an_entry_reads_back_and_its_path_leads_to_the_checkpoint(scene: Scene) -> None:
    proof = scene.proofs.entry
    assert proof is not None
    assert from_plain(LogProof, to_plain(proof), where="entry") == proof
    root = parse_note(proof.checkpoint).root
    assert merkle.verify_inclusion(proof.entry.leaf_hash, proof.sequence, proof.size, proof.path, root)
    for changed in ({"time": datetime(2020, 1, 1, tzinfo=UTC)}, {"type": EntryType.CASE}, {"commitment": bytes(32)}):
        other = dataclasses.replace(proof, **changed)
        assert not merkle.verify_inclusion(other.entry.leaf_hash, proof.sequence, proof.size, proof.path, root)


@pytest.mark.parametrize("wrong", [{"salt": "00"}, {"sequence": -1}, {"size": 0}, {"path": ["zz"]}, {"more": 1}])
def test_a_proof_of_another_form_is_refused(scene: Scene, wrong: dict[str, object]) -> None:
    plain = to_plain(scene.proofs.entry)
    with pytest.raises(FormatError):
        from_plain(LogProof, {**plain, **wrong}, where="entry")
