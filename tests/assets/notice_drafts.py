"""Notices to start from: an owner with two confirmed cases of one party, a complete draft, and a signed notice."""

from dataclasses import replace

import pytest

from registry.cases import page_readings
from registry.cases.decisions import confirm_case
from registry.matches.match import match_pictures
from registry.models import Capture, Case, Notice, Owner, PageReading, Work
from registry.notices import notices
from registry.notices.checker import find_gaps
from registry.notices.claim_check import check_cases, save_answer
from registry.notices.contents import build_items, build_letter
from registry.notices.signing import compute_letter_digest, sign_draft
from tests.assets.restored_scenes import restore_scene
from tests.assets.rows import claim_new_slice, owner, photograph, recompress, record_sightings, register
from workers.tasks.sync_runner import SyncRunner

SENDER = {
    "addressee_name": "Copyright Agent",
    "addressee_email": "agent@shop.example",
    "sender_name": "Ann Example",
    "sender_capacity": "owner",
    "sender_address": "1 Harbour Road, Kiel",
    "sender_telephone": "+49 431 0000",
    "sender_email": "ann@example.org",
}
ANSWERS = {"purpose": "commercial", "nature": "creative", "amount": "whole", "market": "replaces", "words": ""}


def missing_fields(row: Notice) -> list[str]:
    """Return the fields in which a draft is incomplete, by its current row."""
    row = notices.get_notice(row.owner, row.number)
    return [gap.field_name for gap in find_gaps(row, build_items(row))]


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    """An owner with two works, each with a confirmed case of shop.example."""
    set_mail_server(inline, "smtp://localhost")
    return create_studio(inline)


def create_studio(inline: SyncRunner) -> Owner:
    """Return the same owner without a mail server."""
    return restore_scene(inline, _create_studio)


def _create_studio(inline: SyncRunner) -> Owner:
    studio_owner = owner("studio")
    for seed, title in ((1, "Two parrots"), (2, "A harbour")):
        register(inline.services, studio_owner, photograph(seed), title)
    planned, epoch = claim_new_slice(studio_owner)
    copies = [recompress(photograph(1)), recompress(photograph(2))]
    match_pictures(inline.services, record_sightings(inline.services, planned, epoch, copies))
    for case in Case.objects.all():
        confirm_case(inline.services, case, by="Ann", reason="No order.")
    return studio_owner


def set_mail_server(inline: SyncRunner, url: str) -> None:
    """Configure the mail server; empty for none."""
    inline.services.config = replace(inline.services.config, mail_url=url)


def create_draft(of: Owner, kind: str = "dmca", language: str = "en", *cases: int) -> Notice:
    """Return a complete draft about these cases, or about both."""
    row = notices.create_draft(of, cases or (1, 2), kind, language, by="ann@example.org")
    notices.save_fields(row, SENDER, SENDER)
    for case in cases or (1, 2):
        notices.save_considerations(row, case, ANSWERS)
    return notices.get_notice(of, row.number)


def create_filing(studio_owner: Owner) -> Notice:
    """Return a complete filing for the Copyright Claims Board."""
    registered = [{"office": "USCO", "number": "VA 1-234", "date": "2026-01-02"}]
    Work.objects.update(registrations=registered, author="Ann Example")
    row = create_draft(studio_owner, "ccb")
    values = {"respondent_name": "Shop Inc.", "respondent_address": "1 Main Street", "relief": "That the use end."}
    values |= {"facts": "The picture sells shoes.", "smaller": "no"}
    notices.save_fields(row, values, values)
    return notices.get_notice(studio_owner, row.number)


def sign_notice(inline: SyncRunner, row: Notice) -> Notice:
    """Have Ann read and sign the notice, and return it."""
    sign_draft(
        inline.services,
        row,
        typed_name="ann  example",
        shown_digest=compute_letter_digest(build_letter(row)),
        by="ann@example.org",
    )
    return notices.get_notice(row.owner, row.number)


def read_captured_pages(inline: SyncRunner) -> None:
    """Read all captured pages again."""
    PageReading.objects.all().delete()
    for visit in Capture.objects.filter(state="done"):
        page_readings.request_reading(inline.services, visit)
    page_readings.read_pages(inline.services, list(PageReading.objects.values_list("pk", flat=True)))


def answer_open_points(studio_owner: Owner, text: str) -> None:
    """Answer every open point of the claim check of the owner's cases."""
    for number, claim_check in check_cases(list(studio_owner.cases.all())).items():
        for point in claim_check.points:
            save_answer(studio_owner.cases.get(number=number), point.kind, point.version_digest, text, by="ann")
