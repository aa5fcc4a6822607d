"""Test the claim check: possible objections are found with their location, and only a member's answer resolves them."""

from datetime import date

import pytest

from exhibit.errors import InvalidRequestError
from registry.cases.decisions import dispute_decision
from registry.models import Capture, Case, LogOpening, Owner, Sighting
from registry.notices import notices
from registry.notices.claim_check import Point, check_cases, find_lost_disputes, save_answer
from registry.notices.signing import send_by_mail
from registry.works.licences import NewLicence, add_licences
from tests.assets.notice_drafts import answer_open_points, create_draft, read_captured_pages, sign_notice
from tests.assets.shared_notice_scene import inline, stage, studio, two_cases
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage", "studio", "two_cases"]

PAGE = """<html><!-- CC BY-ND 3.0 --><body><img src="/image-0.jpg"><p>Photo: <b>Ann</b> Example,
<a rel="license" href="https://creativecommons.org/licenses/by-sa/4.0/">some rights</a></p>{}<p>Public domain</p>
<script type="application/ld+json">{{"license": "x"}}</script></body></html>"""


def list_points(inline: SyncRunner, studio: Owner, number: int = 1) -> dict[str, Point]:
    return {point.kind: point for point in check_cases([studio.cases.get(number=number)])[number].points}


def store_page(inline: SyncRunner, page: str) -> None:
    """Store a captured page for case 1, and read it."""
    digest = inline.services.blobs.put(page.encode()).hex
    file = {"role": "page", "name": "page.html", "media_type": "text/html", "digest": digest, "size": len(page)}
    Capture.objects.filter(case__number=1).update(state="done", outcome="captured", files=[file])
    read_captured_pages(inline)


@pytest.mark.long
def test_stated_licence_blocks_signing_until_a_member_answers(studio: Owner, inline: SyncRunner) -> None:
    studio.works.update(author="Ann Example")
    store_page(inline, PAGE.format(""))
    row = create_draft(studio)
    (checked,) = check_cases([studio.cases.get(number=1)]).values()
    assert (checked.pages, checked.places, checked.suggests_friendly_letter, checked.unanswered_count) == (
        1,
        1,
        True,
        1,
    )
    (point,) = checked.points
    statements = [
        (statement["name"], statement["near"], statement["credited"]) for statement in point.grounds["statements"]
    ]
    assert statements == [("", True, True), ("BY-SA 4.0", True, True)]
    assert point.evidence[0].page == "http://shop.example/page-0"
    assert point.evidence[0].visit == Capture.objects.get(case__number=1).pk
    assert Case.objects.get(number=1).decision == "confirmed"
    with pytest.raises(InvalidRequestError, match="1"):
        sign_notice(inline, row)
    with pytest.raises(InvalidRequestError):
        save_answer(studio.cases.get(number=1), point.kind, point.version_digest, " ", by="ann")
    with pytest.raises(InvalidRequestError):
        save_answer(studio.cases.get(number=1), point.kind, "0" * 64, "No.", by="ann")
    answer_open_points(studio, "We never gave one.")
    opened = LogOpening.objects.filter(details__point=point.kind)
    assert list(opened.values_list("details__words", flat=True)) == ["We never gave one."]
    row = sign_notice(inline, row)
    store_page(inline, PAGE.format("").replace("by-sa", "by"))
    with pytest.raises(InvalidRequestError):
        send_by_mail(inline.services, row, by="ann")
    answer_open_points(studio, "Nor this one.")
    assert send_by_mail(inline.services, notices.get_notice(studio, row.number), by="ann").to == "agent@shop.example"


@pytest.mark.long
def test_statements_about_other_pictures_do_not_block_signing(studio: Owner, inline: SyncRunner) -> None:
    other_pictures = "".join(f'<p><img src="/o_cid22_pexels-photo-{n}.jpg" alt="by Unsplash"></p>' for n in range(9))
    store_page(
        inline,
        f'<html><body><img src="/image-0.jpg">{other_pictures}<footer>Photos from Unsplash</footer></body></html>',
    )
    assert list_points(inline, studio) == {}
    assert sign_notice(inline, create_draft(studio)).state == "signed"
    store_page(inline, f'<html><body><img src="/image-0.jpg" alt="by Pexels">{other_pictures}</body></html>')
    assert list_points(inline, studio)["reseller"].grounds == {"named": ["Pexels"]}


def test_claim_check_reports_each_objection_with_its_page(studio: Owner, inline: SyncRunner) -> None:
    assert list_points(inline, studio) == {}
    ended = NewLicence("The shop", domain="shop.example", valid_until=date(2020, 1, 1))
    add_licences(studio, [ended, NewLicence("Getty Images Ltd", domain="getty.example")])
    details = {"image_url": "http://cdn.elsewhere.example/a.jpg", "party": "photos.example/studio-x"}
    details |= {"page_title": "Review: a book of parrots", "context": "Photo: Alamy, used with permission"}
    Sighting.objects.filter(case_sightings__case__number=1).update(**details)
    results = list_points(inline, studio)
    assert results["ledger"].grounds == {"licences": [{"licence": 1, "gap": "over", "value": "2020-01-01"}]}
    assert results["reseller"].grounds == {"licences": [2], "named": ["Alamy"]}
    assert results["embedded"].grounds == {"hosts": ["cdn.elsewhere.example"]}
    assert results["own"].grounds == {"places": ["photos.example/studio-x"]}
    assert results["context"].grounds == {"words": ["review"]}
    assert results["stated-licence"].grounds["statements"][0]["what"] == "permission"
    assert all(point.evidence[0].page == "http://shop.example/page-0" for point in results.values())


__all__ = ["inline", "stage", "studio", "two_cases"]


def test_only_lost_disputes_of_the_work_are_counted(studio: Owner) -> None:
    case, other = studio.cases.get(number=1), studio.cases.get(number=2)
    dispute_decision(case, by="Ann", reason="They have a licence.")
    assert find_lost_disputes([case.work_id]).get(case.work_id) is None
    Case.objects.filter(pk=case.pk).update(decision="dismissed")
    assert find_lost_disputes([case.work_id])[case.work_id]["cases"] == [1]
    assert other.work_id == case.work_id or other.work_id not in find_lost_disputes([other.work_id])
