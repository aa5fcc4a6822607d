"""What a case's page says of the outside witnesses of its bundles, and what programs are told of them."""

from dataclasses import replace
from html import unescape

import pytest
from django.conf import settings

from desk.schemas import evidence
from exhibit.clock import now
from exhibit.digests import Digest
from registry.models import AnchorReceipt, Bundle, Case, Owner
from tests.assets.source import flat
from tests.desk.web.watches.test_past_pages import page, studio
from workers.tasks.sync_runner import SyncRunner

__all__ = ["studio"]


@pytest.fixture
def bundle(inline: SyncRunner, studio: Owner) -> Bundle:
    """A sealed bundle with an answer in full by a qualified authority, and two that are still to come."""
    seal = Digest.of(b"seal")
    made = Bundle.objects.create(case=Case.objects.get(), number=1, state="done", seal_digest=seal, sealed_at=now())
    answered = {"state": "done", "proof": b"x", "time": now(), "qualified": "2026-11-01"}
    for name, more in (("authority", answered), ("second", {"proof": b"x"}), ("third", {})):
        AnchorReceipt.objects.create(kind="rfc3161", witness=name, bundle=made, digest=seal, **more)
    return made


def shown(of: Bundle) -> str:
    return flat(page(of.case.owner, f"cases/{of.case.number}/"))


def test_a_case_tells_how_many_witnesses_have_answered_and_which_are_qualified_by_whose_word(bundle: Bundle) -> None:
    text = shown(bundle)
    assert "Witnessed: 1 of 3 witnesses have answered in full, 1 needed." in text
    assert unescape(text).count("qualified according to the operator's list as of 1 Nov 2026") == 1
    sealed = text.partition('<section id="bundles">')[2]
    assert sealed.count("answered completely yet; it is asked again") == 2


def test_what_a_witness_is_and_to_what_it_speaks_is_said_in_words(bundle: Bundle) -> None:
    text = shown(bundle)
    assert "authority · timestamp authority (RFC 3161) · for the bundle itself · existed no later than" in text


def test_fewer_witnesses_than_the_operator_wants_are_not_enough(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "CONFIG", replace(settings.CONFIG, witnesses_needed=2))
    assert "Not witnessed yet: 1 of 3 witnesses have answered in full, 2 needed." in shown(bundle)
    told = evidence.Bundle.from_row(bundle).model_dump(mode="json")
    assert told["witnessed"] is False
    assert told["witnesses"] == {"complete": 1, "asked": 3, "needed": 2}
    assert [one["qualified_as_of"] for one in told["receipts"]] == ["2026-11-01", None, None]
