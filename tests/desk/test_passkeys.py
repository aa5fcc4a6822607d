"""Test who may require passkeys for decisions, and the responses that programs get."""

import pytest
from django.urls import reverse

from registry.models import Membership, Owner
from tests.assets.desk_scene import Scene, scene

__all__ = ["scene"]


@pytest.mark.parametrize("role", ["reviewer", "viewer"])
def test_keys_and_the_choice_are_for_whoever_runs_the_owner(scene: Scene, role: str) -> None:
    bob = scene.bob
    Membership.objects.filter(user__email="bob@example.org").update(role=role)
    assert bob.get(reverse("security", args=["studio"])).status_code == 200
    for name in ("choose-passkeys", "revoke-key"):
        assert bob.post(reverse(name, args=["studio"]), {"wanted": "on"}).status_code == 403
    told = bob.post(reverse("ask-passkey", args=["studio"]), {"act": "confirm", "of": "1"})
    assert told.status_code == (422 if role == "reviewer" else 403)


def test_lists_programs_and_the_other_acts_are_refused_without_one(scene: Scene) -> None:
    Owner.objects.filter(slug="studio").update(passkeys=True)
    alice = scene.alice
    alice.post(reverse("decide-cases", args=["studio"]), {"decide": "confirmed 1"})
    scene.case.refresh_from_db()
    assert scene.case.decision == "open"
    calls = f"/api/v1/owners/studio/cases/{scene.case.number}"
    for passkey in (None, {}, {"id": "AA"}):
        told = alice.post(f"{calls}/decisions", {"decision": "confirmed", "passkey": passkey}, "application/json")
        assert told.status_code == 422, told.content
        assert "passkey" in told.json()["detail"]
    told = alice.post(f"{calls}/report", {"reason": "Illegal."}, "application/json")
    assert told.status_code == 422
    told = alice.post("/api/v1/owners/studio/passkeys", {"action": "confirm", "case": 1}, "application/json")
    assert (told.status_code, told.json()["detail"]) == (422, "You have no passkey.")
    told = alice.post(f"{calls}/decisions", {"decision": "cleared"}, "application/json")
    assert told.status_code == 201
