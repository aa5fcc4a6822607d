"""Test the API's schemas of parties."""

from desk.schemas.parties.parties import Site
from registry.models import Owner, PartyLookup
from registry.parties import parties
from registry.parties.rdap import read_answer
from tests.assets.noticed import studio

__all__ = ["studio"]


def test_what_registries_said_is_told_as_it_is_kept(studio: Owner) -> None:
    parties.look_up(studio, "shop.example", by="ann")
    said = read_answer("domain", "shop.example", "https://rdap.example/", {"port43": "whois.example"})
    PartyLookup.objects.update(answers=[said], state="done")
    told = Site.of(studio, "shop.example")
    assert told.lookup is not None
    assert told.lookup.answers[0].model_dump() == said
    assert (told.cases, told.case_numbers) == (2, [2, 1])
