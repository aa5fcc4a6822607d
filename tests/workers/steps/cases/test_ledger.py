"""The step that looks at cases after the ledger of licences has changed."""

from registry.models import Case
from registry.works.licences import NewLicence, keep_licences, waiting_changes
from tests.assets.rows import bring, claimed_slice, copy_of, owner, photograph, register
from tests.registry.cases.test_ledger import looked_at
from workers.steps.matching.match import match_pictures
from workers.tasks.sync_runner import SyncRunner


def test_a_licence_that_comes_later_covers_the_open_cases(inline: SyncRunner) -> None:
    studio = owner("studio")
    work = register(inline.services, studio, photograph(1)).work
    planned, epoch = claimed_slice(studio)
    match_pictures(inline.services, bring(inline.services, planned, epoch, [copy_of(photograph(1))]))
    elsewhere = NewLicence("B", domain="other.example")
    keep_licences(
        studio, [elsewhere, NewLicence("C", (register(inline.services, studio, photograph(2)).work,), "shop.example")]
    )
    assert looked_at(inline, studio) == {}
    assert Case.objects.get().decision == "open"
    (granted,), new = keep_licences(studio, [NewLicence("A", (work,), "shop.example")])
    assert (granted.number, new) == (3, 1)
    assert looked_at(inline, studio) == {"licensed": [1]}
    assert (Case.objects.get().decision, Case.objects.get().reason) == ("licensed", "Covered by licence 3.")
    assert waiting_changes(studio) == []
