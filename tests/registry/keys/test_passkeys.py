"""Test owners who require a passkey for important decisions, and its record in log and bundle."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models import F

from desk.cli.trust import own_trust
from evidence.facts.passkey import FRESH, Assertion, SignedDecision, check_assertion
from evidence.formats.codec import FormatError, from_plain
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import ConflictError, WrongUseError
from registry.bundles.bundles import assemble
from registry.cases import signed_decisions
from registry.cases.decisions import Choice, Wish, confirm, decide_each, reopen
from registry.db.rows import next_number
from registry.keys import passkeys, signing_keys
from registry.keys.keys import add_device_key
from registry.keys.passkeys import Act, Answer
from registry.matches.match import match_pictures
from registry.members import people
from registry.models import Capture, Case, CrawlSlice, LogOpening, Notice, Owner, PasskeyQuestion, PictureReport, User
from registry.notices.contents import letter
from registry.notices.signing import read_mark, sign
from registry.retention.purge import purge
from registry.retention.reported import report_picture
from tests.assets.noticed import begun, confirmed
from tests.assets.passkeys import KEY, OTHER, SITE, Passkey
from tests.assets.rows import bring, claimed_slice, copy_of, owner, photograph, register
from tests.assets.sealed import sealed, verified
from tests.assets.verify_page import by_python
from tests.registry.retention.test_reported import with_a_case
from workers.tasks.sync_runner import SyncRunner

NEEDED = "has this signed with a passkey"


@pytest.fixture
def ann(inline: SyncRunner) -> User:
    people.add_member(owner("studio"), "ann@example.org", "owner", "correct horse battery staple", by="test")
    return User.objects.get()


@pytest.fixture
def studio(ann: User) -> Owner:
    passkeys.switch(Owner.objects.get(), wanted=True, by="ann@example.org")
    return Owner.objects.get()


def found(inline: SyncRunner, of: Owner, seed: int = 1) -> Case:
    """Create a case about a copy of an image."""
    work = register(inline.services, of, photograph(seed), f"Work {seed}").work
    planned, epoch = claimed_slice(of, f"watch-{seed}")
    match_pictures(
        inline.services, bring(inline.services, planned, epoch, [copy_of(photograph(seed))], host="shop.invalid")
    )
    CrawlSlice.objects.update(state="done")
    Capture.objects.update(state="failed")
    return of.cases.get(work=work)


def answer_to(question: PasskeyQuestion, key: Passkey = KEY) -> Answer:
    """Return the response of the user's browser, verified as on the site, with the log entry of the key."""
    told = from_plain(SignedDecision, question.statement, where="the statement")
    made = key.answer(told, site=told.site, origin=f"https://{told.site}")
    parts = (made.authenticator_data, made.client_data, made.signature)
    entry = passkeys.log_key(key.public, "created", question.user, "Ann's telephone")
    return passkeys.answered(question, key.public, parts, entry.pk)


def signed(of: Owner, user: User, act: Act, subject: dict[str, Any]) -> Answer:
    return answer_to(passkeys.ask(of, user, act, subject, SITE))


def of(case: Case, user: User) -> Answer:
    return signed(case.owner, user, Act.CONFIRM, signed_decisions.subject_of(case, next_number(case.bundles)))


def refused(deed: Callable[..., object], match: str, **given: Any) -> None:  # noqa: ANN401 - whatever the deed takes
    with pytest.raises((WrongUseError, ConflictError), match=match):
        deed(**given)


def last_details(type_: str) -> dict[str, Any]:
    found = LogOpening.objects.filter(submission__type=type_).order_by("pk").last()
    assert found is not None
    assert found.details is not None
    return dict(found.details)


@pytest.mark.long
def test_a_confirmed_case_carries_its_passkey_into_log_and_bundle(
    inline: SyncRunner, studio: Owner, ann: User, tmp_path: Path
) -> None:
    case = found(inline, studio)
    refused(confirm, NEEDED, services=inline.services, case=case, by=ann.username, reason="")
    wish = Wish(Choice.CONFIRM, ann.username, "A copy.", undo_for=timedelta(), passkey=of(case, ann))
    [outcome] = decide_each(inline.services, studio, [case.number], wish)
    assert outcome.done
    opening = LogOpening.objects.filter(submission__type="decision").get().content
    row = PasskeyQuestion.objects.get(entry__isnull=False)
    bundle = sealed(inline, case.bundles.get())
    checks = {check.name: check for check in verified(inline, bundle, tmp_path).checks}
    assert checks["decision"].state == "not checked"  # of an unknown log
    with (tmp_path / "own.zip").open("wb") as out:
        assemble(inline.services, bundle, out)
    states = by_python(tmp_path / "own.zip", own_trust(inline.services, "tests"))[1]
    assert states["decision"] == "passed"
    assert "failed" not in states.values()
    assert opening["assertion"] == Digest.of(row.answer.encode()).hex
    reopen(Case.objects.get(), by=ann.username, reason="Again.")
    again = {"services": inline.services, "case": Case.objects.get(), "by": ann.username, "reason": ""}
    refused(confirm, "signed something else", **again, passkey=wish.passkey)  # the next bundle has another number


@pytest.mark.long
def test_an_answer_is_good_once_for_one_thing_and_for_minutes(inline: SyncRunner, studio: Owner, ann: User) -> None:
    one, other = found(inline, studio), found(inline, studio, 2)
    given = {"services": inline.services, "by": ann.username, "reason": ""}
    refused(confirm, "signed something else", **given, case=other, passkey=of(one, ann))
    elsewhere = signed(studio, ann, Act.PURGE, signed_decisions.subject_of(one, 1))
    refused(confirm, "signed something else", **given, case=one, passkey=elsewhere)
    agency = owner("agency")
    of_agency = signed(agency, ann, Act.CONFIRM, signed_decisions.subject_of(one, 1))
    refused(confirm, "signed something else", **given, case=one, passkey=of_agency)
    late = of(one, ann)
    late.question.asked_at = now() - FRESH - timedelta(seconds=1)
    refused(confirm, "too long ago", **given, case=one, passkey=late)
    used = of(one, ann)
    PasskeyQuestion.objects.filter(pk=used.question.pk).update(answer="{}")
    refused(confirm, "used already", **given, case=one, passkey=used)
    assert not Case.objects.exclude(decision="open").exists()


def test_only_whoever_was_asked_answers_while_the_question_is_fresh(studio: Owner, ann: User) -> None:
    people.add_member(studio, "bob@example.org", "reviewer", "correct horse battery staple", by="test")
    bob = User.objects.get(email="bob@example.org")
    asked = passkeys.ask(studio, ann, Act.OFF, {}, SITE)
    assert passkeys.question(ann, asked.challenge.raw) == asked
    refused(passkeys.question, "too old", user=bob, challenge=asked.challenge.raw)
    PasskeyQuestion.objects.update(asked_at=F("asked_at") - FRESH)
    refused(passkeys.question, "too old", user=ann, challenge=asked.challenge.raw)
    passkeys.ask(studio, ann, Act.OFF, {}, SITE)
    assert not PasskeyQuestion.objects.filter(pk=asked.pk).exists()


def test_an_answer_that_a_verifier_would_refuse_is_not_taken(studio: Owner, ann: User) -> None:
    asked = passkeys.ask(studio, ann, Act.OFF, {}, SITE)
    good = answer_to(asked).assertion
    check_assertion(good)
    parts = (good.authenticator_data, good.client_data, good.signature)
    refused(
        passkeys.answered,
        "signature of the passkey",
        asked=asked,
        key=OTHER.public,
        parts=parts,
        key_entry=1,
    )
    with pytest.raises(FormatError):
        check_assertion(Assertion(good.statement, b"", *parts))


@pytest.mark.long
def test_a_notice_a_purge_and_a_key_need_one_too(inline: SyncRunner) -> None:
    studio = confirmed(inline)
    people.add_member(studio, "ann@example.org", "owner", "correct horse battery staple", by="test")
    ann = User.objects.get()
    passkeys.switch(studio, wanted=True, by="ann@example.org")
    row, services = begun(studio), inline.services
    mark = read_mark(letter(row))
    given: dict[str, Any] = {
        "services": services,
        "notice": row,
        "typed": "Ann Example",
        "read": mark,
        "by": ann.username,
    }
    refused(sign, NEEDED, **given)
    passkey = signed(studio, ann, Act.SIGN, {"letter": mark, "notice": row.number})
    sign(**given, passkey=passkey)
    assert Notice.objects.get().state == "signed"
    assert last_details("case")["assertion"]["key"] == KEY.public.hex()

    case = studio.cases.order_by("number")[0]
    assert case.shown is not None
    digest = case.shown.match.found.digest
    assert digest is not None
    refused(purge, NEEDED, services=services, digest=digest, by="olga", reason="A court.")
    refused(report_picture, NEEDED, services=services, case=case, by=ann.username, reason="Illegal.")
    assert not PictureReport.objects.exists()
    assert digest in services.blobs
    passkey = signed(studio, ann, Act.PURGE, {"picture": digest.hex})
    report_picture(services, case, by=ann.username, reason="Illegal.", passkey=passkey)
    assert digest not in services.blobs
    assert last_details("purge")["assertion"]["statement"]["subject"] == {"picture": digest.hex}

    key = add_device_key(studio, "laptop", bytes(32), by=ann.username)
    refused(signing_keys.revoke, NEEDED, key=key, by=ann.username, reason="Lost.")
    passkey = signed(studio, ann, Act.REVOKE, {"key": bytes(32).hex()})
    signing_keys.revoke(key, by=ann.username, reason="Lost.", passkey=passkey)
    assert last_details("key")["assertion"]["statement"]["act"] == "revoke"


@pytest.mark.long
def test_a_report_that_purges_nothing_uses_its_answer_up(inline: SyncRunner) -> None:
    studio, agency = owner("studio"), owner("agency")
    picture = with_a_case(inline, studio, agency)
    people.add_member(studio, "ann@example.org", "owner", "correct horse battery staple", by="test")
    ann = User.objects.get()
    passkeys.switch(studio, wanted=True, by=ann.username)
    assert picture.digest is not None
    passkey = signed(studio, ann, Act.PURGE, {"picture": picture.digest.hex})
    told: dict[str, Any] = {"services": inline.services, "case": studio.cases.get(), "by": ann.username}
    report_picture(**told, reason="Illegal.", passkey=passkey)
    assert picture.digest in inline.services.blobs
    assert PasskeyQuestion.objects.exclude(answer="").count() == 1
    with pytest.raises(ConflictError):
        report_picture(**told, reason="Illegal.", passkey=passkey)


def test_needing_none_any_more_needs_one(studio: Owner, ann: User) -> None:
    refused(passkeys.switch, NEEDED, owner=studio, wanted=False, by=ann.username)
    passkeys.switch(studio, wanted=False, by=ann.username, given=signed(studio, ann, Act.OFF, {}))
    assert not Owner.objects.get().passkeys
    assert last_details("setting")["assertion"]["statement"]["by"] == ann.username
    passkeys.switch(studio, wanted=True, by=ann.username)
    passkeys.switch(studio, wanted=False, by="olga", operator=True)
    assert not Owner.objects.get().passkeys
