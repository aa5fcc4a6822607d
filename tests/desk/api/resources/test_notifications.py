"""Test events and webhooks in the API."""

from datetime import timedelta

from exhibit.clock import now
from registry.models import Event, Owner, Scope
from tests.assets.desk_scene import Scene, scene
from tests.assets.programs import Program, decider, program, scene_of_programs

__all__ = ["decider", "scene", "scene_of_programs"]


def test_a_webhook_is_tested_paused_resumed_and_removed(scene_of_programs: Scene, decider: Program) -> None:
    status, sent = decider.post("/webhooks/1/test", {})
    assert (status, sent["type"], sent["attempt_count"]) == (202, "test", 0)
    assert [one["id"] for one in decider.get("/webhooks/1/deliveries")[1]["items"]] == [sent["id"]]
    assert decider.post(f"/webhooks/1/deliveries/{sent['id']}/redeliver", {})[1]["id"] == sent["id"]
    assert decider.post("/webhooks/1/deliveries/evt_999999/redeliver", {})[0] == 404
    assert decider.post("/webhooks/1/pause", {})[1]["paused_at"] is not None
    assert decider.get("/webhooks")[1]["items"][0]["pause_reason"]
    assert decider.post("/webhooks/1/resume", {})[1]["paused_at"] is None
    assert decider.client.delete("/api/v1/owners/studio/webhooks/1").status_code == 204
    assert decider.get("/webhooks/1")[0] == 404


def test_an_address_within_and_a_kind_that_is_none_are_refused(scene_of_programs: Scene, decider: Program) -> None:
    for wrong in ({"url": "https://10.0.0.1/hook", "events": []}, {"url": "https://example.org/", "events": ["x"]}):
        assert decider.post("/webhooks", wrong)[0] in (400, 422)
    assert scene_of_programs.studio.webhooks.count() == 1


def test_what_happened_is_told_once_it_is_settled_and_to_its_owner_alone(
    scene_of_programs: Scene, decider: Program
) -> None:
    Event.objects.update(at=now())
    assert decider.get("/events")[1]["items"] == []  # still too recent
    for row in Event.objects.all():
        Event.objects.filter(pk=row.pk).update(at=row.at - timedelta(hours=1))
    (told,) = decider.get("/events")[1]["items"]
    assert (told["type"], told["data"]["case"]) == ("case.opened", 1)
    agency = program(Owner.objects.get(slug="agency"), "charlie", Scope.READ)
    assert agency.client.get("/api/v1/owners/agency/events").json()["items"] == []
