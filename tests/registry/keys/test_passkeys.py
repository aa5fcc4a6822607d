"""Test owners who require a passkey for sensitive actions, and its record in log and bundle."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models import F

from desk.cli.trust import build_own_trust
from evidence.facts.passkey import MAX_DECISION_AGE, Assertion, SignedDecision, check_assertion
from evidence.formats.codec import FormatError, from_plain
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import ConflictError, InvalidRequestError
from registry.bundles.bundles import write_bundle_zip
from registry.cases import signed_decisions
from registry.cases.decisions import DecisionChoice, DecisionRequest, confirm_case, decide_cases, reopen_decided_case
from registry.db.rows import get_next_number
from registry.keys import passkeys, signing_keys
from registry.keys.keys import add_device_key
from registry.keys.passkeys import PasskeyAction, PasskeyResponse
from registry.matches.match import match_pictures
from registry.members import accounts
from registry.models import Capture, Case, CrawlSlice, LogOpening, Notice, Owner, PasskeyQuestion, PictureReport, User
from registry.notices.contents import build_letter
from registry.notices.signing import compute_letter_digest, sign_draft
from registry.retention.picture_reports import report_picture
from registry.retention.purge import purge_picture
from tests.assets.notice_drafts import create_draft, create_studio
from tests.assets.passkeys import KEY, OTHER, SITE, Passkey
from tests.assets.rows import claim_new_slice, owner, photograph, recompress, record_sightings, register
from tests.assets.sealed_bundles import run_until_sealed, verify
from tests.assets.verify_page import verify_in_python
from tests.registry.retention.test_picture_reports import create_found_picture
from workers.tasks.sync_runner import SyncRunner

SIGNATURE_REQUIRED = "requires a passkey signature"


@pytest.fixture
def ann(inline: SyncRunner) -> User:
    accounts.add_member(owner("studio"), "ann@example.org", "owner", "correct horse battery staple", by="test")
    return User.objects.get()


@pytest.fixture
def studio(ann: User) -> Owner:
    passkeys.set_requirement(Owner.objects.get(), is_required=True, by="ann@example.org")
    return Owner.objects.get()


def make_case(inline: SyncRunner, rights_holder: Owner, seed: int = 1) -> Case:
    """Create a case about a copy of an image."""
    work = register(inline.services, rights_holder, photograph(seed), f"Work {seed}").work
    crawl_slice, epoch = claim_new_slice(rights_holder, f"watch-{seed}")
    match_pictures(
        inline.services,
        record_sightings(inline.services, crawl_slice, epoch, [recompress(photograph(seed))], host="shop.invalid"),
    )
    CrawlSlice.objects.update(state="done")
    Capture.objects.update(state="failed")
    return rights_holder.cases.get(work=work)


def answer_with_passkey(question: PasskeyQuestion, key: Passkey = KEY) -> PasskeyResponse:
    """Return the browser's passkey response, verified as on the site, with the log entry of the key."""
    decision = from_plain(SignedDecision, question.statement, location="the statement")
    answer = key.answer(decision, site=decision.site, origin=f"https://{decision.site}")
    parts = (answer.authenticator_data, answer.client_data, answer.signature)
    entry = passkeys.log_passkey_event(key.public, "created", question.user, "Ann's telephone")
    return passkeys.verify_response(question, key.public, parts, entry.pk)


def sign_action(rights_holder: Owner, user: User, act: PasskeyAction, subject: dict[str, Any]) -> PasskeyResponse:
    return answer_with_passkey(passkeys.create_signature_request(rights_holder, user, act, subject, SITE))


def sign_confirmation(case: Case, user: User) -> PasskeyResponse:
    return sign_action(
        case.owner, user, PasskeyAction.CONFIRM, signed_decisions.build_statement(case, get_next_number(case.bundles))
    )


def assert_refused(action: Callable[..., object], match: str, **kwargs: Any) -> None:  # noqa: ANN401 - arguments of the action
    with pytest.raises((InvalidRequestError, ConflictError), match=match):
        action(**kwargs)


def get_last_details(type_: str) -> dict[str, Any]:
    opening = LogOpening.objects.filter(submission__type=type_).order_by("pk").last()
    assert opening is not None
    assert opening.details is not None
    return dict(opening.details)


@pytest.mark.long
def test_confirmed_case_stores_passkey_in_log_and_bundle(
    inline: SyncRunner, studio: Owner, ann: User, tmp_path: Path
) -> None:
    case = make_case(inline, studio)
    assert_refused(confirm_case, SIGNATURE_REQUIRED, services=inline.services, case=case, by=ann.username, reason="")
    wish = DecisionRequest(
        DecisionChoice.CONFIRM, ann.username, "A copy.", undo_period=timedelta(), passkey=sign_confirmation(case, ann)
    )
    [outcome] = decide_cases(inline.services, studio, [case.number], wish)
    assert outcome.is_applied
    opening = LogOpening.objects.filter(submission__type="decision").get().content
    row = PasskeyQuestion.objects.get(entry__isnull=False)
    bundle = run_until_sealed(inline, case.bundles.get())
    checks = {check.name: check for check in verify(inline, bundle, tmp_path).checks}
    assert checks["decision"].state == "not checked"  # the log is unknown to the verifier
    with (tmp_path / "own.zip").open("wb") as out:
        write_bundle_zip(inline.services, bundle, out)
    states = verify_in_python(tmp_path / "own.zip", build_own_trust(inline.services, "tests"))[1]
    assert states["decision"] == "passed"
    assert "failed" not in states.values()
    assert opening["assertion"] == Digest.from_bytes(row.answer.encode()).hex
    reopen_decided_case(Case.objects.get(), by=ann.username, reason="Again.")
    arguments = {"services": inline.services, "case": Case.objects.get(), "by": ann.username, "reason": ""}
    # The next bundle has another number
    assert_refused(confirm_case, "signed different content", **arguments, passkey=wish.passkey)


@pytest.mark.long
def test_passkey_response_expires_and_authorises_a_single_decision(
    inline: SyncRunner, studio: Owner, ann: User
) -> None:
    first_case, other = make_case(inline, studio), make_case(inline, studio, 2)
    arguments = {"services": inline.services, "by": ann.username, "reason": ""}
    assert_refused(
        confirm_case, "signed different content", **arguments, case=other, passkey=sign_confirmation(first_case, ann)
    )
    elsewhere = sign_action(studio, ann, PasskeyAction.PURGE, signed_decisions.build_statement(first_case, 1))
    assert_refused(confirm_case, "signed different content", **arguments, case=first_case, passkey=elsewhere)
    agency = owner("agency")
    agency_answer = sign_action(agency, ann, PasskeyAction.CONFIRM, signed_decisions.build_statement(first_case, 1))
    assert_refused(confirm_case, "signed different content", **arguments, case=first_case, passkey=agency_answer)
    late_answer = sign_confirmation(first_case, ann)
    late_answer.question.requested_at = now() - MAX_DECISION_AGE - timedelta(seconds=1)
    assert_refused(confirm_case, "too long ago", **arguments, case=first_case, passkey=late_answer)
    used_answer = sign_confirmation(first_case, ann)
    PasskeyQuestion.objects.filter(pk=used_answer.question.pk).update(answer="{}")
    assert_refused(confirm_case, "already been used", **arguments, case=first_case, passkey=used_answer)
    assert not Case.objects.exclude(decision="open").exists()


def test_passkey_challenge_accepts_only_its_member_and_only_before_expiry(studio: Owner, ann: User) -> None:
    accounts.add_member(studio, "bob@example.org", "reviewer", "correct horse battery staple", by="test")
    bob = User.objects.get(email="bob@example.org")
    question = passkeys.create_signature_request(studio, ann, PasskeyAction.OFF, {}, SITE)
    assert passkeys.get_signature_request(ann, question.challenge.raw) == question
    assert_refused(passkeys.get_signature_request, "too old", user=bob, challenge=question.challenge.raw)
    PasskeyQuestion.objects.update(requested_at=F("requested_at") - MAX_DECISION_AGE)
    assert_refused(passkeys.get_signature_request, "too old", user=ann, challenge=question.challenge.raw)
    passkeys.create_signature_request(studio, ann, PasskeyAction.OFF, {}, SITE)
    assert not PasskeyQuestion.objects.filter(pk=question.pk).exists()


def test_unverifiable_passkey_response_is_rejected(studio: Owner, ann: User) -> None:
    question = passkeys.create_signature_request(studio, ann, PasskeyAction.OFF, {}, SITE)
    good = answer_with_passkey(question).assertion
    check_assertion(good)
    parts = (good.authenticator_data, good.client_data, good.signature)
    assert_refused(
        passkeys.verify_response,
        "signature of the passkey",
        row=question,
        key=OTHER.public,
        parts=parts,
        key_entry=1,
    )
    with pytest.raises(FormatError):
        check_assertion(Assertion(good.statement, b"", *parts))


@pytest.mark.long
def test_notice_purge_and_key_revocation_require_passkey(inline: SyncRunner) -> None:
    studio = create_studio(inline)
    accounts.add_member(studio, "ann@example.org", "owner", "correct horse battery staple", by="test")
    ann = User.objects.get()
    passkeys.set_requirement(studio, is_required=True, by="ann@example.org")
    row, services = create_draft(studio), inline.services
    mark = compute_letter_digest(build_letter(row))
    arguments: dict[str, Any] = {
        "services": services,
        "notice": row,
        "typed_name": "Ann Example",
        "shown_digest": mark,
        "by": ann.username,
    }
    assert_refused(sign_draft, SIGNATURE_REQUIRED, **arguments)
    passkey = sign_action(studio, ann, PasskeyAction.SIGN, {"letter": mark, "notice": row.number})
    sign_draft(**arguments, passkey=passkey)
    assert Notice.objects.get().state == "signed"
    assert get_last_details("case")["assertion"]["key"] == KEY.public.hex()

    case = studio.cases.order_by("number")[0]
    assert case.shown is not None
    digest = case.shown.match.found.digest
    assert digest is not None
    assert_refused(purge_picture, SIGNATURE_REQUIRED, services=services, digest=digest, by="olga", reason="A court.")
    assert_refused(report_picture, SIGNATURE_REQUIRED, services=services, case=case, by=ann.username, reason="Illegal.")
    assert not PictureReport.objects.exists()
    assert digest in services.blobs
    passkey = sign_action(studio, ann, PasskeyAction.PURGE, {"picture": digest.hex})
    report_picture(services, case, by=ann.username, reason="Illegal.", passkey=passkey)
    assert digest not in services.blobs
    assert get_last_details("purge")["assertion"]["statement"]["subject"] == {"picture": digest.hex}

    key = add_device_key(studio, "laptop", bytes(32), by=ann.username)
    assert_refused(signing_keys.revoke_key, SIGNATURE_REQUIRED, key=key, by=ann.username, reason="Lost.")
    passkey = sign_action(studio, ann, PasskeyAction.REVOKE, {"key": bytes(32).hex()})
    signing_keys.revoke_key(key, by=ann.username, reason="Lost.", passkey=passkey)
    assert get_last_details("key")["assertion"]["statement"]["act"] == "revoke"


@pytest.mark.long
def test_picture_report_without_purge_consumes_the_passkey_response(inline: SyncRunner) -> None:
    studio, agency = owner("studio"), owner("agency")
    picture = create_found_picture(inline, studio, agency)
    accounts.add_member(studio, "ann@example.org", "owner", "correct horse battery staple", by="test")
    ann = User.objects.get()
    passkeys.set_requirement(studio, is_required=True, by=ann.username)
    assert picture.digest is not None
    passkey = sign_action(studio, ann, PasskeyAction.PURGE, {"picture": picture.digest.hex})
    arguments: dict[str, Any] = {"services": inline.services, "case": studio.cases.get(), "by": ann.username}
    report_picture(**arguments, reason="Illegal.", passkey=passkey)
    assert picture.digest in inline.services.blobs
    assert PasskeyQuestion.objects.exclude(answer="").count() == 1
    with pytest.raises(ConflictError):
        report_picture(**arguments, reason="Illegal.", passkey=passkey)


def test_disabling_passkeys_requires_passkey(studio: Owner, ann: User) -> None:
    assert_refused(passkeys.set_requirement, SIGNATURE_REQUIRED, owner=studio, is_required=False, by=ann.username)
    passkeys.set_requirement(
        studio, is_required=False, by=ann.username, response=sign_action(studio, ann, PasskeyAction.OFF, {})
    )
    assert not Owner.objects.get().passkeys
    assert get_last_details("setting")["assertion"]["statement"]["by"] == ann.username
    passkeys.set_requirement(studio, is_required=True, by=ann.username)
    passkeys.set_requirement(studio, is_required=False, by="olga", is_operator=True)
    assert not Owner.objects.get().passkeys
