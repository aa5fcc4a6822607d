"""Test events and webhooks in the API."""

from datetime import timedelta

from exhibit.clock import now
from registry.models import Event, Owner, Scope
from tests.assets.api_programs import Program, create_program, decider, scene_of_programs
from tests.assets.desk_scene import Scene, scene

__all__ = ["decider", "scene", "scene_of_programs"]


def test_webhook_is_tested_paused_resumed_and_removed(scene_of_programs: Scene, decider: Program) -> None:
    status, delivery = decider.post("/webhooks/1/test", {})
    assert (status, delivery["type"], delivery["attempt_count"]) == (202, "test", 0)
    assert [item["id"] for item in decider.get("/webhooks/1/deliveries")[1]["items"]] == [delivery["id"]]
    assert decider.post(f"/webhooks/1/deliveries/{delivery['id']}/redeliver", {})[1]["id"] == delivery["id"]
    assert decider.post("/webhooks/1/deliveries/evt_999999/redeliver", {})[0] == 404
    assert decider.post("/webhooks/1/pause", {})[1]["paused_at"] is not None
    assert decider.get("/webhooks")[1]["items"][0]["pause_reason"]
    assert decider.post("/webhooks/1/resume", {})[1]["paused_at"] is None
    assert decider.client.delete("/api/v1/owners/studio/webhooks/1").status_code == 204
    assert decider.get("/webhooks/1")[0] == 404


def test_private_addresses_and_unknown_event_kinds_are_rejected(scene_of_programs: Scene, decider: Program) -> None:
    for value in ({"url": "https://10.0.0.1/hook", "events": []}, {"url": "https://example.org/", "events": ["x"]}):
        assert decider.post("/webhooks", value)[0] in (400, 422)
    assert scene_of_programs.studio.webhooks.count() == 1


def test_events_are_returned_after_a_short_delay_and_only_to_their_owner(
    scene_of_programs: Scene, decider: Program
) -> None:
    Event.objects.update(at=now())
    assert decider.get("/events")[1]["items"] == []  # still too recent
    for row in Event.objects.all():
        Event.objects.filter(pk=row.pk).update(at=row.at - timedelta(hours=1))
    (event,) = decider.get("/events")[1]["items"]
    assert (event["type"], event["data"]["case"]) == ("case.opened", 1)
    agency = create_program(Owner.objects.get(slug="agency"), "charlie", Scope.READ)
    assert agency.client.get("/api/v1/owners/agency/events").json()["items"] == []
