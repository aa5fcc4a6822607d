"""Test that partners' requests are authenticated by their signature alone, once."""

import json

import pytest
from django.test import Client

from exhibit.clock import format_rfc3339, now
from registry.alliance.signed_calls import SIGNATURE_HEADER, SIGNATURE_PREFIX
from registry.log.local_log import get_log
from tests.assets.api_programs import create_program, scene_of_programs
from tests.assets.desk_scene import Scene, scene
from tests.assets.partners import new_signer, partner_of
from workers import wiring

__all__ = ["scene", "scene_of_programs"]

CHECKPOINTS_URL = "/api/v1/alliance/heads"


def test_replayed_partner_request_is_rejected(db: None) -> None:
    signer = new_signer()
    partner_of(signer)
    payload = {
        "from": "b.example/log",
        "to": get_log(wiring.services()).origin,
        "call": "heads",
        "at": format_rfc3339(now()),
    }
    body = json.dumps(payload | {"nonce": "ab" * 16})
    headers = {SIGNATURE_HEADER: signer.sign(SIGNATURE_PREFIX + body.encode()).hex()}
    response = Client().post(CHECKPOINTS_URL, body, "application/json", headers=headers)
    assert (response.status_code, response.json()) == (200, {"heads": [], "forks": []})
    assert Client().post(CHECKPOINTS_URL, body, "application/json", headers=headers).status_code == 409
    other = body.replace("ab" * 16, "cd" * 16)
    assert Client().post(CHECKPOINTS_URL, other, "application/json", headers=headers).status_code == 403


@pytest.mark.parametrize("name", ["\0", "\ud800", "b%", "x" * 100_000, ["b.example/log"]])
def test_unknown_partner_name_is_rejected(db: None, name: object) -> None:
    partner_of(new_signer())
    payload = {"from": name, "to": get_log(wiring.services()).origin, "call": "heads", "at": format_rfc3339(now())}
    response = Client().post(CHECKPOINTS_URL, json.dumps(payload | {"nonce": "ab" * 16}), "application/json")
    assert response.status_code == 403


@pytest.mark.long
def test_api_tokens_do_not_authorise_partner_requests(scene_of_programs: Scene) -> None:
    member = create_program(scene_of_programs.studio, "alice")
    for client in (member.client, Client()):
        assert client.post(CHECKPOINTS_URL, "{}", content_type="application/json").status_code == 403
