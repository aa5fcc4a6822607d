"""Test bundles and captured files in the API, and proofs that the log is append-only."""

from evidence.log.merkle import compute_leaf_hash, verify_consistency, verify_inclusion
from evidence.log.notes import verify_note
from exhibit.entries import Entry, EntryType
from registry.log.local_log import get_log
from registry.log.sequencer import sequence_log, sign_checkpoint
from registry.models import LogEntry
from tests.assets.api_programs import ROOT, Program, decider, scene_of_programs
from tests.assets.desk_scene import Scene, scene

__all__ = ["decider", "scene", "scene_of_programs"]


def test_api_client_verifies_the_log_with_its_proofs(scene_of_programs: Scene, decider: Program) -> None:
    services = scene_of_programs.inline.services

    def ask(path: str) -> dict[str, object]:
        response = decider.client.get(f"/api/v1/log/{path}")
        assert response.status_code == 200, response.content
        data: dict[str, object] = response.json()
        return data

    checkpoints = []
    for _ in range(2):
        decider.post("/cases/1/notes", {"text": "One more entry."})
        decider.client.get(ROOT + "/reports/1/files/a.csv").getvalue()
        sequence_log(services)
        sign_checkpoint(services)
        checkpoints.append(verify_note(str(ask("checkpoint")["checkpoint"]), get_log(services).get_verifier_key()))
    old, new = checkpoints
    assert 0 < old.size < new.size
    row = LogEntry.objects.get(sequence=old.size)
    proof = ask(f"entries/{old.size}/proof")
    leaf = compute_leaf_hash(Entry(EntryType(row.type), row.time, bytes.fromhex(str(proof["commitment"]))).leaf_bytes)
    path = [bytes.fromhex(digest) for digest in proof["path"]]  # type: ignore[attr-defined]
    assert verify_inclusion(leaf, old.size, new.size, path, new.root)
    path = [bytes.fromhex(digest) for digest in ask(f"consistency?old={old.size}")["path"]]  # type: ignore[attr-defined]
    assert verify_consistency(old.size, new.size, old.root, new.root, path)
    for value in (f"entries/{old.size}/proof?size={old.size}", f"entries/{new.size}/proof", "consistency?old=999999"):
        assert decider.client.get(f"/api/v1/log/{value}").status_code == 404


def test_bundles_and_capture_files_are_returned_only_for_their_own_case(
    scene_of_programs: Scene, decider: Program
) -> None:
    status, body = decider.get("/cases/1/bundles")
    assert (status, [item["number"] for item in body["items"]]) == (200, [1])
    assert decider.get("/cases/1/bundles/1")[1]["number"] == 1
    assert decider.get("/cases/1/bundles/2")[0] == 404
    file = f"{ROOT}/cases/1/captures/{scene_of_programs.capture.pk}/files/"
    response = decider.client.get(f"{file}a.csv")
    assert response.getvalue() == b"a"
    assert response.headers["Content-Type"] == "application/octet-stream"
    policy = "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; sandbox"
    assert response.headers["Content-Security-Policy"] == policy
    assert decider.client.get(f"{file}b.csv").status_code == 404
    scene_of_programs.capture.files[0]["digest"] = "00" * 32
    scene_of_programs.capture.save()
    assert decider.client.get(f"{file}a.csv").status_code == 404  # its bytes were deleted
