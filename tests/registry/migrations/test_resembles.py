"""What was called derived is called resembling, and waits in the drawer unless a person took it out."""

from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection

from registry.accounts import people
from registry.cases import history, queue
from registry.cases.queue import State, Wanted
from registry.models import Case, GroupDecision, Match
from tests.assets.redrawn import scene
from tests.assets.rows import owner, register
from tests.assets.textured import encoded
from tests.registry.cases.test_triage import see
from workers.tasks.sync_runner import SyncRunner

migration = import_module("registry.migrations.0083_resembles")
REDRAWN = encoded(scene(1, drawn=True))


@pytest.mark.long
def test_derived_matches_get_their_new_name_and_their_open_cases_lie_in_the_drawer(inline: SyncRunner) -> None:
    studio = owner("studio")
    register(inline.services, studio, encoded(scene(1)))
    people.ask_for(studio, "derived", wanted=True, by="ann")
    for party in ("shop.example", "taken.example", "decided.example"):
        see(inline, studio, REDRAWN, host=party)
    see(inline, studio, encoded(scene(1)), host="copy.example")
    Match.objects.filter(decision="resembles").update(decision="derived")  # as the version before had it
    Case.objects.update(waits=True, resembles=False)
    Case.objects.filter(party="decided.example").update(decision="confirmed", waits=False)
    history.record(Case.objects.get(party="taken.example"), "taken-out", "ann", ("taken-out", {}))
    asked = {"state": "waiting", "sure": "derived"}
    at = studio.works.get().registered_at
    group = GroupDecision.objects.create(owner=studio, wanted=asked, total=1, by="ann", at=at)
    with connection.schema_editor() as editor:
        migration.rename(apps, editor)
    assert sorted(Match.objects.values_list("decision", flat=True).distinct()) == ["certain", "resembles"]
    assert [case.party for case in queue.chosen(studio, Wanted(State.RESEMBLES))] == ["shop.example"]
    waiting = Case.objects.filter(waits=True).values_list("party", flat=True)
    assert sorted(waiting) == ["copy.example", "taken.example"]
    assert Match.objects.exclude(decision="certain").values_list("reasons", flat=True)[0] == ["derived"]
    group.refresh_from_db()
    assert group.wanted["sure"] == "resembles"
