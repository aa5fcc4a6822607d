"""Test owners and their members in the API."""

from django.core import mail

from registry.members import invitations
from registry.models import (
    Owner,
)
from tests.assets.programs import ROOT, Program, alice, program, studio

__all__ = ["alice", "studio"]


def test_members_are_invited_changed_and_removed(studio: Owner, alice: Program) -> None:
    status, told = alice.post("/invitations", {"email": "Dora@example.org", "role": "reviewer"})
    assert (status, told["email"], told["role"]) == (201, "dora@example.org", "reviewer")
    secret = told["link"].rstrip("/").rpartition("/")[2]
    assert invitations.find(secret) is not None
    assert len(mail.outbox) == 1
    assert "link" not in alice.get("/invitations")[1]["items"][0]
    assert alice.post("/invitations", {"email": "nobody"})[0] == 422
    assert alice.client.delete(f"{ROOT}/invitations/{told['number']}").status_code == 204
    assert invitations.find(secret) is None
    people = {one["email"]: one["person"] for one in alice.get("/members")[1]["items"]}
    bob = program(studio, "bob")
    assert alice.post(f"/members/{people['bob@example.org']}/role", {"role": "reviewer"})[1]["role"] == "reviewer"
    assert alice.post(f"/members/{people['alice@example.org']}/role", {"role": "viewer"})[0] == 422
    assert bob.post("/invitations", {"email": "eve@example.org"})[0] == 403
    rows = alice.get("/tokens")[1]["items"]
    assert {one["email"] for one in rows} == {"alice@example.org", "bob@example.org"}
    assert alice.client.delete(f"{ROOT}/members/{people['bob@example.org']}").status_code == 204
    assert bob.get("/works")[0] == 401
    (own,) = alice.get("/tokens")[1]["items"]
    assert alice.client.delete(f"{ROOT}/tokens/{own['number']}").status_code == 204
    assert alice.get("/works")[0] == 401
