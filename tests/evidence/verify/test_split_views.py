"""Test that contradicting histories of one log in two bundles are detected, at any sizes of their checkpoints."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from evidence.__main__ import main
from evidence.bundle.bag import ConsistencyProof, Proofs
from evidence.bundle.sealing import build_seal_opening
from evidence.log import merkle
from evidence.log.append_only import Log
from evidence.verdict.result import Verdict
from evidence.verify.split_views import find_split_views
from evidence.verify.verifier import Verifier
from exhibit.clock import now
from exhibit.entries import Entry, EntryType
from exhibit.errors import ExitCode
from tests.assets.bundles import Scene, append_entry
from tests.assets.folder_log import FolderLogStore


def create_split_view(scene: Scene, folder: Path, first: bytes, entries: int, name: str = "") -> Scene:
    """Put the same seal into a log of the same name and key with other entries before it."""
    log = Log(FolderLogStore(folder / "other"), scene.log_key, name or scene.log.origin)
    log.append([Entry(EntryType.SLICE, now(), first) for _ in range(entries)])
    entry = append_entry(log, EntryType.SEAL, build_seal_opening(scene.sealed_case))
    return replace(scene, log=log, proofs=Proofs(entry))


def verify_both(scene: Scene, other: Scene, folder: Path) -> tuple[Verdict, ...]:
    paths = [scene.write(folder / "A.zip"), other.write(folder / "B.zip")]
    return tuple(Verifier(scene.trust).verify(path) for path in paths)


@pytest.mark.parametrize("entries", [2, 1, 3])
def test_split_view_is_reported_with_both_notes(scene: Scene, tmp_path: Path, entries: int) -> None:
    verdicts = verify_both(scene, create_split_view(scene, tmp_path, b"x" * 32, entries), tmp_path)
    views = [view for verdict in verdicts for view in verdict.views]
    splits = find_split_views(views)
    assert splits
    assert {view.bundle for view in splits[0].views} == {"A.zip", "B.zip"}
    assert "signed both" in splits[0].sentence


def test_command_exits_with_1_and_prints_both_notes(
    scene: Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = create_split_view(scene, tmp_path, b"x" * 32, 2)
    paths = [str(scene.write(tmp_path / "A.zip")), str(other.write(tmp_path / "B.zip"))]
    trust = tmp_path / "trust.json"
    trust.write_bytes(scene.trust.to_json())
    assert main(["verify", *paths, "--trust", str(trust)]) == ExitCode.CHECK_FAILED
    output = capsys.readouterr().out
    assert scene.proofs.entry is not None
    assert other.proofs.entry is not None
    assert scene.proofs.entry.checkpoint in output
    assert other.proofs.entry.checkpoint in output
    assert main(["verify", *paths, "--json", "--trust", str(trust)]) == ExitCode.CHECK_FAILED
    plain = json.loads(capsys.readouterr().out)
    [split, *_] = plain["split_views"]
    assert [head["bundle"] for head in split["heads"]] == ["A.zip", "B.zip"]
    assert main(["verify", paths[0], paths[0], "--trust", str(trust)]) == ExitCode.DONE


def test_growing_log_causes_no_contradiction(scene: Scene, tmp_path: Path) -> None:
    assert scene.proofs.entry is not None
    entry = append_entry(scene.log, EntryType.SEAL, build_seal_opening(scene.sealed_case))
    size = scene.proofs.entry.size
    proofs = Proofs(entry, (ConsistencyProof(size, tuple(scene.log.prove_consistency(size, entry.size))),))
    verdicts = verify_both(scene, replace(scene, proofs=proofs), tmp_path)
    assert find_split_views(view for verdict in verdicts for view in verdict.views) == ()


def test_other_log_or_forged_checkpoint_causes_no_contradiction(scene: Scene, tmp_path: Path) -> None:
    other = create_split_view(scene, tmp_path, b"x" * 32, 2, "log.elsewhere.example")
    assert find_split_views(view for verdict in verify_both(scene, other, tmp_path) for view in verdict.views) == ()
    stranger = replace(scene, log_key=scene.owner_key)
    forged = create_split_view(stranger, tmp_path / "forged", b"x" * 32, 2)
    assert find_split_views(view for verdict in verify_both(scene, forged, tmp_path) for view in verdict.views) == ()


def test_split_view_within_a_bundle_fails(scene: Scene, tmp_path: Path) -> None:
    other = create_split_view(scene, tmp_path, b"x" * 32, 3)  # the facts contain checkpoints of the first history
    verdict = Verifier(scene.trust).verify(other.write(tmp_path / "one.zip"))
    assert "heads" in {check.name for check in verdict.failures}


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 13])
def test_proof_ranges_match_the_tree(size: int) -> None:
    leaves = [merkle.compute_leaf_hash(bytes([number])) for number in range(size)]
    nodes: dict[tuple[int, int], bytes] = {}
    for number, leaf in enumerate(leaves):
        for level, place, value in merkle.list_completed_nodes(number, leaf, lambda level, place: nodes[level, place]):
            nodes[level, place] = value

    def root(begin: int, end: int) -> bytes:
        if end - begin == 1:
            return leaves[begin]
        middle = begin + (1 << ((end - begin - 1).bit_length() - 1))
        return merkle.compute_node_hash(root(begin, middle), root(middle, end))

    for index in range(size):
        path = merkle.prove_inclusion(index, size, lambda level, place: nodes[level, place])
        span = merkle.compute_proof_hashes(index, size, path, leaves[index], is_consistency=False)
        assert span == {place: root(*place) for place in span}
        assert (0, size) in span
    for old in range(1, size):
        path = merkle.prove_consistency(old, size, lambda level, place: nodes[level, place])
        span = merkle.compute_proof_hashes(old - 1, size, path, root(0, old), is_consistency=True)
        assert span == {place: root(*place) for place in span}
        assert (0, size) in span
    assert merkle.compute_proof_hashes(size, size, [], leaves[0], is_consistency=False) == {}
