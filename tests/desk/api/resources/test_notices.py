"""Test notices and licence trials in the API: programs draft and track; a person must sign and send."""

import io
from zipfile import ZipFile

import pytest

from desk.api.api import api
from exhibit.clock import now
from registry.members import tokens
from registry.models import LogSubmission, Membership, Notice, Owner, Role, Scope, User
from registry.notices import notices
from tests.assets.api_programs import ROOT, Program
from tests.assets.notice_drafts import SENDER, create_draft, create_filing, sign_notice, studio
from tests.assets.pages import numbers_in
from workers import wiring
from workers.tasks.sync_runner import SyncRunner

__all__ = ["studio"]


@pytest.fixture
def program(studio: Owner, inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> Program:
    """A program of a member with all permissions."""
    monkeypatch.setattr(wiring, "services", lambda: inline.services)
    user = User.objects.create_user(username="alice@example.org", email="alice@example.org", password="not used")
    Membership.objects.create(user=user, owner=studio, role=Role.OWNER)
    return Program(tokens.create_token(studio, user, name="program", scopes=list(Scope), days=1)[1])


def test_api_client_drafts_edits_reads_and_discards_notices(program: Program, studio: Owner) -> None:
    assert program.post("/notices", {"kind": "prc", "cases": [1]})[0] == 422  # this kind has no English text
    assert program.post("/notices", {"kind": "dmca", "cases": [1, 99]})[0] == 404
    status, notice = program.post("/notices", {"kind": "dmca", "cases": [1, 2]})
    assert (status, notice["number"], notice["state"], notice["created_by"]) == (
        201,
        1,
        "draft",
        "alice@example.org (token program)",
    )
    assert len(notice["missing"]) > 2
    status, body = program.send("PATCH", "/notices/1", SENDER)
    assert status == 200
    assert "Copyright Agent" in body["text"]
    assert [numbers_in(item) for item in body["missing"]] == [["1"], ["2"]]
    assert program.send("PATCH", "/notices/1", {"sender_name": "Ann\nBcc: all@example.org"})[0] == 400
    assert [item["number"] for item in program.get("/notices?state=draft")[1]["items"]] == [1]
    assert program.get("/notices?site=other.example")[1]["items"] == []
    assert program.send("DELETE", "/notices/1") == (204, None)
    assert program.get("/notices")[1]["items"] == []


def test_no_api_operation_signs_or_sends_a_notice(program: Program, studio: Owner) -> None:
    paths = {path for path in api.get_openapi_schema()["paths"] if "/notices" in path}
    assert {path.rsplit("/notices", 1)[1] for path in paths} == {
        "",
        "/{number}",
        "/{number}/events",
        "/{number}/files/{name}",
        "/{number}/filing",
        "/{number}/replies/{reply}/files/{file}",
    }
    program.post("/notices", {"kind": "dmca", "cases": [1]})
    assert program.send("PATCH", "/notices/1", {"purpose": "commercial"})[0] == 400


@pytest.mark.long
def test_events_of_a_notice_are_recorded(program: Program, studio: Owner, inline: SyncRunner) -> None:
    row = sign_notice(inline, create_draft(studio))
    assert program.send("PATCH", "/notices/1", {"fee": "1"})[0] == 422
    assert program.post("/notices/1/events", {"state": "removed"})[0] == 422
    notices.record_sent_by_hand(row, by="Ann")
    status, body = program.post("/notices/1/events", {"state": "countered", "day": now().date().isoformat()})
    assert (status, body["state"], body["due_reason"]) == (201, "countered", "dmca-counter")
    assert body["events"][-1]["by"] == "alice@example.org (token program)"
    assert "/s/ Ann Example" in body["text"]
    before = LogSubmission.objects.filter(type="access").count()
    response = program.client.get(f"{ROOT}/notices/1/files/notice.txt")
    assert response.content.decode() == body["text"]
    path = "/api/v1/owners/{owner}/notices/{number}/files/{name}"
    content = api.get_openapi_schema()["paths"][path]["get"]["responses"][200]["content"]
    media_types = {file["media_type"] for file in Notice.objects.get().files}
    assert media_types | {response.headers["Content-Type"]} <= set(content)
    assert LogSubmission.objects.filter(type="access").count() == before + 1
    assert program.get("/notices/1/files/nothing.txt")[0] == 404


def test_token_without_send_scope_is_read_only(program: Program, studio: Owner) -> None:
    user = User.objects.get(username="alice@example.org")
    reader = Program(tokens.create_token(studio, user, name="reads", scopes=[Scope.READ, Scope.WRITE], days=1)[1])
    assert reader.post("/notices", {"kind": "dmca", "cases": [1]})[0] == 403
    assert reader.get("/notices")[0] == 200
    assert not Notice.objects.exists()


def test_signed_filing_is_downloaded_as_a_zip_and_logged(program: Program, studio: Owner, inline: SyncRunner) -> None:
    row = create_filing(studio)
    assert program.get(f"/notices/{row.number}/filing")[0] == 404
    sign_notice(inline, row)
    before = LogSubmission.objects.filter(type="access").count()
    response = program.client.get(f"{ROOT}/notices/{row.number}/filing")
    assert response.headers["Content-Disposition"] == 'attachment; filename="studio-ccb-packet-1.zip"'
    with ZipFile(io.BytesIO(response.getvalue())) as archive:
        assert archive.namelist() == ["studio-notice-1.pdf", "studio-notice-1.txt"]
    assert LogSubmission.objects.filter(type="access").count() == before + 1
