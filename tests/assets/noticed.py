"""Notices to start from: an owner with two confirmed cases of one party, a complete draft, and a signed notice."""

from dataclasses import replace

import pytest

from registry.cases import page_readings
from registry.cases.decisions import confirm
from registry.matches.match import match_pictures
from registry.models import Capture, Case, Notice, Owner, PageReading, Work
from registry.notices import notices
from registry.notices.checker import missing
from registry.notices.claims import answer, check
from registry.notices.contents import items_of, letter
from registry.notices.signing import read_mark, sign
from tests.assets.laid_down import once
from tests.assets.rows import bring, claimed_slice, copy_of, owner, photograph, register
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


def lacking(row: Notice) -> list[str]:
    """Return the fields in which a draft is incomplete, by its current row."""
    row = notices.notice(row.owner, row.number)
    return [gap.at for gap in missing(row, items_of(row))]


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    """An owner with two works, each with a confirmed case of shop.example."""
    mail_by(inline, "smtp://localhost")
    return confirmed(inline)


def confirmed(inline: SyncRunner) -> Owner:
    """Return the same owner without a mail server."""
    return once(inline, _confirmed)


def _confirmed(inline: SyncRunner) -> Owner:
    made = owner("studio")
    for seed, title in ((1, "Two parrots"), (2, "A harbour")):
        register(inline.services, made, photograph(seed), title)
    planned, epoch = claimed_slice(made)
    copies = [copy_of(photograph(1)), copy_of(photograph(2))]
    match_pictures(inline.services, bring(inline.services, planned, epoch, copies))
    for case in Case.objects.all():
        confirm(inline.services, case, by="Ann", reason="No order.")
    return made


def mail_by(inline: SyncRunner, url: str) -> None:
    """Configure the mail server; empty for none."""
    inline.services.config = replace(inline.services.config, mail_url=url)


def begun(of: Owner, kind: str = "dmca", language: str = "en", *cases: int) -> Notice:
    """Return a complete draft about these cases, or about both."""
    row = notices.draft(of, cases or (1, 2), kind, language, by="ann@example.org")
    notices.fill(row, SENDER, SENDER)
    for case in cases or (1, 2):
        notices.consider(row, case, ANSWERS)
    return notices.notice(of, row.number)


def filing(of: Owner) -> Notice:
    """Return a complete filing for the Copyright Claims Board."""
    registered = [{"office": "USCO", "number": "VA 1-234", "date": "2026-01-02"}]
    Work.objects.update(registrations=registered, author="Ann Example")
    row = begun(of, "ccb")
    values = {"respondent_name": "Shop Inc.", "respondent_address": "1 Main Street", "relief": "That the use end."}
    values |= {"facts": "The picture sells shoes.", "smaller": "no"}
    notices.fill(row, values, values)
    return notices.notice(of, row.number)


def signed(inline: SyncRunner, row: Notice) -> Notice:
    """Have Ann read and sign the notice, and return it."""
    sign(inline.services, row, typed="ann  example", read=read_mark(letter(row)), by="ann@example.org")
    return notices.notice(row.owner, row.number)


def read_captured_pages(inline: SyncRunner) -> None:
    """Read all captured pages again."""
    PageReading.objects.all().delete()
    for visit in Capture.objects.filter(state="done"):
        page_readings.request_reading(inline.services, visit)
    page_readings.read_pages(inline.services, list(PageReading.objects.values_list("pk", flat=True)))


def answer_all(of: Owner, words: str) -> None:
    """Answer every open point of the claim check of the owner's cases."""
    for number, claim_check in check(list(of.cases.all())).items():
        for point in claim_check.points:
            answer(of.cases.get(number=number), point.kind, point.mark, words, by="ann")
