"""Test owners and their members in the API."""

from django.core import mail

from registry.members import invitations
from registry.models import (
    Owner,
)
from tests.assets.api_programs import ROOT, Program, alice, create_program, studio

__all__ = ["alice", "studio"]


def test_members_are_invited_changed_and_removed(studio: Owner, alice: Program) -> None:
    status, body = alice.post("/invitations", {"email": "Dora@example.org", "role": "reviewer"})
    assert (status, body["email"], body["role"]) == (201, "dora@example.org", "reviewer")
    secret = body["link"].rstrip("/").rpartition("/")[2]
    assert invitations.find_open_invitation(secret) is not None
    assert len(mail.outbox) == 1
    assert "link" not in alice.get("/invitations")[1]["items"][0]
    assert alice.post("/invitations", {"email": "nobody"})[0] == 422
    assert alice.client.delete(f"{ROOT}/invitations/{body['number']}").status_code == 204
    assert invitations.find_open_invitation(secret) is None
    people = {member["email"]: member["person"] for member in alice.get("/members")[1]["items"]}
    bob = create_program(studio, "bob")
    assert alice.post(f"/members/{people['bob@example.org']}/role", {"role": "reviewer"})[1]["role"] == "reviewer"
    assert alice.post(f"/members/{people['alice@example.org']}/role", {"role": "viewer"})[0] == 422
    assert bob.post("/invitations", {"email": "eve@example.org"})[0] == 403
    rows = alice.get("/tokens")[1]["items"]
    assert {member["email"] for member in rows} == {"alice@example.org", "bob@example.org"}
    assert alice.client.delete(f"{ROOT}/members/{people['bob@example.org']}").status_code == 204
    assert bob.get("/works")[0] == 401
    (own,) = alice.get("/tokens")[1]["items"]
    assert alice.client.delete(f"{ROOT}/tokens/{own['number']}").status_code == 204
    assert alice.get("/works")[0] == 401
