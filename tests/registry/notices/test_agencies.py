"""Test licences sold by agencies: each names its agency, and an open inquiry to an agency blocks notices."""

from dataclasses import replace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from exhibit.errors import ConflictError, InvalidRequestError
from registry.cases.decisions import DecisionChoice, DecisionRequest, decide_cases
from registry.cases.queue import CaseFilter, CaseState, filter_cases
from registry.models import LogOpening, Notice, Owner
from registry.notices import agencies, notices
from registry.notices.claim_check import check_cases
from registry.notices.signing import send_by_mail
from registry.works.licence_tables import parse_licence_table
from registry.works.licences import add_licences
from tests.assets.notice_drafts import answer_open_points, create_draft, sign_notice
from tests.assets.shared_notice_scene import inline, stage, studio, two_cases
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage", "studio", "two_cases"]


@pytest.mark.long
def test_no_notice_is_started_signed_or_mailed_during_an_agency_request(studio: Owner, inline: SyncRunner) -> None:
    case = studio.cases.get(number=1)
    draft, finished = create_draft(studio), create_draft(studio)
    answer_open_points(studio, "No.")
    finished = sign_notice(inline, finished)
    for invalid_name in (" ", "x" * 201):
        with pytest.raises(InvalidRequestError):
            agencies.record_inquiry(case, invalid_name, by="ann")
    with pytest.raises(ConflictError):
        agencies.record_reply(case, "No.", by="ann")
    agencies.record_inquiry(case, "  Alamy ", by="ann")
    with pytest.raises(ConflictError, match="Alamy"):
        agencies.record_inquiry(case, "Getty Images", by="ben")
    assert list(filter_cases(studio, CaseFilter(CaseState.AWAITING_AGENCY)).values_list("number", flat=True)) == [1]
    inline.services.config = replace(inline.services.config, mail_url="smtp://localhost:1")
    for blocked_action in (
        lambda: notices.create_draft(studio, [1, 2], "dmca", "en", by="ann"),
        lambda: sign_notice(inline, draft),
        lambda: send_by_mail(inline.services, finished, by="ann"),
    ):
        with pytest.raises(InvalidRequestError, match=r"\b1\b.*Alamy"):
            blocked_action()
    assert notices.create_draft(studio, [2], "dmca", "en", by="ann").state == Notice.State.DRAFT

    with pytest.raises(InvalidRequestError):
        agencies.record_reply(case, " ", by="ann")
    agencies.record_reply(case, "Not sold by us.", by="ann")
    sign_notice(inline, draft)
    assert [event.sentence for event in case.events.filter(kind="agency").order_by("pk")] == ["", "Not sold by us."]
    assert LogOpening.objects.filter(details__words="Not sold by us.", details__agency="Alamy").exists()
    agencies.record_inquiry(case, "Alamy", by="ann")
    decide_cases(inline.services, studio, [1], DecisionRequest(DecisionChoice.REOPEN, "ann"))
    assert filter_cases(studio, CaseFilter(CaseState.AWAITING_AGENCY)).exists()
    decide_cases(inline.services, studio, [1], DecisionRequest(DecisionChoice.COPIES, "ann", "The gallery says so."))
    assert not filter_cases(studio, CaseFilter(CaseState.AWAITING_AGENCY)).exists()
    assert LogOpening.objects.filter(details__agency="Alamy").count() == 4
    assert case.events.filter(kind="agency").latest("pk").said == [["agency-spared", {"agency": "Alamy"}]]
    with pytest.raises(ConflictError):
        agencies.record_inquiry(case, "Alamy", by="ann")


def test_signing_a_notice_locks_its_cases(studio: Owner) -> None:
    draft = create_draft(studio)
    with CaptureQueriesContext(connection) as queries, notices.lock_draft(draft):
        pass
    assert any('FROM "registry_case"' in query["sql"] and "FOR NO KEY UPDATE" in query["sql"] for query in queries)


def test_licence_sold_by_an_agency_names_the_agency(studio: Owner, inline: SyncRunner) -> None:
    table = b"Kunde;Domain;Bildagentur;Rechnungsnummer\nA shop;elsewhere.example;Bild & Co;R-17\n"
    (licence,), _new = add_licences(studio, list(parse_licence_table(studio, "sold.csv", table)))
    assert (licence.reseller, licence.invoice) == ("Bild & Co", "R-17")
    findings = check_cases([studio.cases.get(number=1)])[1]
    (point,) = [point for point in findings.points if point.kind == "reseller"]
    assert point.grounds == {"licences": [licence.number]}
    assert agencies.suggest_agencies(studio, findings) == ["Bild & Co"]
    assert agencies.get_site_url("alamy") == "https://alamy.com/"
    assert agencies.get_site_url("Bild & Co") == ""
