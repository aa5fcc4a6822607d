"""Test licences sold by agencies: each names its agency, and while one is asked about a case, no notice is sent."""

from dataclasses import replace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from exhibit.errors import ConflictError, WrongUseError
from registry.cases.decisions import Choice, Wish, decide_each
from registry.cases.queue import State, Wanted, chosen
from registry.models import LogOpening, Notice, Owner
from registry.notices import agencies, notices
from registry.notices.claims import check
from registry.notices.signing import send_by_mail
from registry.works.licence_tables import licences_in_table
from registry.works.licences import keep_licences
from tests.assets.noticed import answer_all, begun, signed
from tests.assets.noticed_once import inline, stage, studio, two_cases
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage", "studio", "two_cases"]


@pytest.mark.long
def test_no_notice_is_begun_signed_or_mailed_while_an_agency_is_asked(studio: Owner, inline: SyncRunner) -> None:
    case = studio.cases.get(number=1)
    draft, finished = begun(studio), begun(studio)
    answer_all(studio, "No.")
    finished = signed(inline, finished)
    for nobody in (" ", "x" * 201):
        with pytest.raises(WrongUseError):
            agencies.ask(case, nobody, by="ann")
    with pytest.raises(ConflictError):
        agencies.answered(case, "No.", by="ann")
    agencies.ask(case, "  Alamy ", by="ann")
    with pytest.raises(ConflictError, match="Alamy"):
        agencies.ask(case, "Getty Images", by="ben")
    assert list(chosen(studio, Wanted(State.ASKED)).values_list("number", flat=True)) == [1]
    inline.services.config = replace(inline.services.config, mail_url="smtp://localhost:1")
    for stopped in (
        lambda: notices.draft(studio, [1, 2], "dmca", "en", by="ann"),
        lambda: signed(inline, draft),
        lambda: send_by_mail(inline.services, finished, by="ann"),
    ):
        with pytest.raises(WrongUseError, match=r"\b1\b.*Alamy"):
            stopped()
    assert notices.draft(studio, [2], "dmca", "en", by="ann").state == Notice.State.DRAFT

    with pytest.raises(WrongUseError):
        agencies.answered(case, " ", by="ann")
    agencies.answered(case, "Not sold by us.", by="ann")
    signed(inline, draft)
    assert [event.sentence for event in case.events.filter(kind="agency").order_by("pk")] == ["", "Not sold by us."]
    assert LogOpening.objects.filter(details__words="Not sold by us.", details__agency="Alamy").exists()
    agencies.ask(case, "Alamy", by="ann")
    decide_each(inline.services, studio, [1], Wish(Choice.REOPEN, "ann"))
    assert chosen(studio, Wanted(State.ASKED)).exists()
    decide_each(inline.services, studio, [1], Wish(Choice.COPIES, "ann", "The gallery says so."))
    assert not chosen(studio, Wanted(State.ASKED)).exists()
    assert LogOpening.objects.filter(details__agency="Alamy").count() == 4
    assert case.events.filter(kind="agency").latest("pk").said == [["agency-spared", {"agency": "Alamy"}]]
    with pytest.raises(ConflictError):
        agencies.ask(case, "Alamy", by="ann")


def test_nobody_changes_the_cases_of_a_draft_that_is_being_signed(studio: Owner) -> None:
    draft = begun(studio)
    with CaptureQueriesContext(connection) as asked, notices.held_draft(draft):
        pass
    assert any('FROM "registry_case"' in one["sql"] and "FOR NO KEY UPDATE" in one["sql"] for one in asked)


def test_a_licence_that_an_agency_sold_says_so_and_whom_to_ask(studio: Owner, inline: SyncRunner) -> None:
    table = b"Kunde;Domain;Bildagentur;Rechnungsnummer\nA shop;elsewhere.example;Bild & Co;R-17\n"
    (kept,), _new = keep_licences(studio, list(licences_in_table(studio, "sold.csv", table)))
    assert (kept.reseller, kept.invoice) == ("Bild & Co", "R-17")
    found = check([studio.cases.get(number=1)])[1]
    (point,) = [point for point in found.points if point.kind == "reseller"]
    assert point.grounds == {"licences": [kept.number]}
    assert agencies.whom_to_ask(studio, found) == ["Bild & Co"]
    assert agencies.site_of("alamy") == "https://alamy.com/"
    assert agencies.site_of("Bild & Co") == ""
