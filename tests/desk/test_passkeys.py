"""Test who may require passkeys for decisions, and the responses that programs get."""

import pytest
from django.urls import reverse

from registry.models import Membership, Owner
from tests.assets.desk_scene import Scene, scene

__all__ = ["scene"]


@pytest.mark.parametrize("role", ["reviewer", "viewer"])
def test_only_managers_control_passkey_requirements(scene: Scene, role: str) -> None:
    bob = scene.bob
    Membership.objects.filter(user__email="bob@example.org").update(role=role)
    assert bob.get(reverse("security", args=["studio"])).status_code == 200
    for name in ("choose-passkeys", "revoke-key"):
        assert bob.post(reverse(name, args=["studio"]), {"wanted": "on"}).status_code == 403
    response = bob.post(reverse("ask-passkey", args=["studio"]), {"act": "confirm", "of": "1"})
    assert response.status_code == (422 if role == "reviewer" else 403)


def test_bulk_decisions_api_calls_and_other_actions_are_rejected_without_a_passkey(scene: Scene) -> None:
    Owner.objects.filter(slug="studio").update(passkeys=True)
    alice = scene.alice
    alice.post(reverse("decide-cases", args=["studio"]), {"decide": "confirmed 1"})
    scene.case.refresh_from_db()
    assert scene.case.decision == "open"
    calls = f"/api/v1/owners/studio/cases/{scene.case.number}"
    for passkey in (None, {}, {"id": "AA"}):
        response = alice.post(f"{calls}/decisions", {"decision": "confirmed", "passkey": passkey}, "application/json")
        assert response.status_code == 422, response.content
        assert "passkey" in response.json()["detail"]
    response = alice.post(f"{calls}/report", {"reason": "Illegal."}, "application/json")
    assert response.status_code == 422
    response = alice.post("/api/v1/owners/studio/passkeys", {"action": "confirm", "case": 1}, "application/json")
    assert (response.status_code, response.json()["detail"]) == (422, "You have no passkey.")
    response = alice.post(f"{calls}/decisions", {"decision": "dismissed"}, "application/json")
    assert response.status_code == 201
