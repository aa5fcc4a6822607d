"""Test the API's schemas of sites."""

from desk.schemas.parties.parties import Site
from registry.models import Owner, PartyLookup
from registry.parties import parties
from registry.parties.rdap import parse_response
from tests.assets.notice_drafts import studio

__all__ = ["studio"]


def test_registry_responses_are_returned_as_stored(studio: Owner) -> None:
    parties.request_lookup(studio, "shop.example", by="ann")
    answer = parse_response("domain", "shop.example", "https://rdap.example/", {"port43": "whois.example"})
    PartyLookup.objects.update(answers=[answer], state="done")
    party = Site.load(studio, "shop.example")
    assert party.lookup is not None
    assert party.lookup.answers[0].model_dump() == answer
    assert (party.cases, party.case_numbers) == (2, [2, 1])
