"""Test that members can open every page and file of an owner, and non-members get 404 without a sign-in prompt."""

import pytest
from django.core import signing
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils.http import parse_header_parameters

from desk.api.common.files import build_download_response
from desk.texts.cases import STATUS_LABELS
from exhibit.entries import EntryType
from registry.cases.recaptures import PlaceState
from registry.events import mail_choices
from registry.members import invitations, tokens
from registry.models import (
    ApiToken,
    Bundle,
    Crawl,
    Invitation,
    LogSubmission,
    Membership,
    Role,
    Sighting,
    Watch,
)
from registry.notifications.digests import UNSUBSCRIBE_SALT
from registry.works.registration import remove_work
from tests.assets.desk_scene import Scene, patterns, scene
from tests.assets.pages import has_test_id

__all__ = ["scene"]


POST_ONLY_URLS = {
    "upload-files",
    "close-upload",
    "upload-again",
    "remove-work",
    "answer-remark",
    "attach",
    "detach",
    "decide",
    "run-watch",
    "make-deposit",
    "sign-notice",
    "send-notice",
    "track-notice",
    "see-replies",
    "answer-claim",
    "request-report",
    "report-again",
    "remove-report",
    "request-package",
    "package-again",
    "remove-package",
    "link-package",
    "link-report",
    "revoke-link",
}


POST_ONLY_URLS |= {"decide-cases", "decide-find", "case-action", "put-aside", "undo-group"}  # of cases
POST_ONLY_URLS |= {"edit-works", "undo-bulk-edit", "change-collection", "decide-proposals"}  # of many works
POST_ONLY_URLS |= {"assign-cases", "forget-columns"}
POST_ONLY_URLS |= {"answer-held", "derived", "web-archive", "open-work", "close-work", "export-work"}  # of works
POST_ONLY_URLS |= {"look-up", "add-entry", "new-invoice", "cancel-invoice"}  # of sites
POST_ONLY_URLS |= {"ask-passkey", "choose-passkeys", "revoke-key"}  # of decisions that need a passkey


OWN_ACCOUNT_FORMS = {"leave", "make-token", "choose-mail", "change-feed"}
"""Actions of each member, whatever the role."""


POST_ONLY_URLS |= {
    "remove-sample",
    "invite",
    "member-role",
    "remove-member",
    "revoke-invitation",
    "revoke-token",
    *OWN_ACCOUNT_FORMS,
}


SEARCH_SETTINGS = {"keep-search-key", "drop-search-key", "search-price", "allow-search", "disallow-search"}
"""An owner's settings of a search."""


# Of watches
POST_ONLY_URLS |= {
    "pause-watch",
    "stop-crawl",
    "make-watch",
    "try-search",
    "keep-trial",
    *SEARCH_SETTINGS,
}


POST_ONLY_URLS |= {"add-webhook", "change-webhook"}  # of notifications


POST_ONLY_URLS |= {"add-known-copy", "remove-known-copy", "add-sources", "remove-source"}


def test_download_uses_the_foreign_file_name_safely() -> None:
    assert (
        build_download_response(b"", "letter.pdf", "text/plain").headers["Content-Disposition"]
        == 'attachment; filename="letter.pdf"'
    )
    for name in ("a\"; filename*=UTF-8''evil.html; x=\"b.txt", "许可.pdf"):
        header = build_download_response(b"", name, "text/plain").headers["Content-Disposition"]
        assert parse_header_parameters(header) == ("attachment", {"filename": name})


@pytest.mark.long
def test_member_can_open_every_page_and_file(scene: Scene) -> None:
    for name, address in scene.addresses().items():
        expected = (
            405 if name in POST_ONLY_URLS else 404 if name in ("bundle", "paper", "signed", "notice-packet") else 200
        )
        expected = 302 if name == "new-demand" else expected  # redirects without cases in its URL
        response = scene.alice.get(address)
        assert response.getvalue() is not None
        assert response.status_code == expected, address


NO_EVIDENCE = {"upload-results", "money-ledger", "invoice-file"}
"""Files about the member's own data."""


@pytest.mark.long
def test_each_download_by_a_member_is_logged(scene: Scene) -> None:
    submissions = LogSubmission.objects.filter(type=EntryType.ACCESS)
    for name, address in scene.addresses().items():
        before = submissions.count()
        response = scene.alice.get(address)
        assert response.getvalue() is not None
        if response.headers.get("Content-Disposition", "").startswith("attachment") and name not in NO_EVIDENCE:
            assert submissions.count() == before + 1, name


def test_log_record_without_a_signed_checkpoint_is_explained(scene: Scene) -> None:
    address = scene.addresses()["deposit"]
    (scene.inline.services.config.data_dir / "log.head").unlink()
    response = scene.alice.get(address, follow=True)
    assert response.status_code == 200
    assert "/operator/log/accept-head" in response.content.decode()


def test_case_shows_the_status_of_its_pages_and_screenshots(scene: Scene) -> None:
    page = scene.alice.get(scene.addresses()["case"]).content.decode()
    assert str(STATUS_LABELS[PlaceState.ONLINE]) in page
    assert f'<img class="page" src="{scene.addresses()["captured"]}"' in page
    file = scene.alice.get(scene.addresses()["captured"])
    assert file.getvalue() == b"a"
    assert file.headers["Content-Disposition"].startswith("attachment")


def test_non_member_gets_404_on_every_page_and_file(scene: Scene) -> None:
    for address in scene.addresses().values():
        for response in (scene.charlie.get(address), scene.charlie.post(address)):
            assert response.status_code in (404, 405), address
            assert b"studio" not in response.content.lower(), address


def test_anonymous_visitor_is_asked_to_sign_in_everywhere(scene: Scene) -> None:
    for name, address in scene.addresses().items():
        response = Client().post(address) if name in POST_ONLY_URLS else Client().get(address)
        assert response.status_code == 302, address
        assert response.headers["Location"].startswith("/sign-in/"), address


FORBIDDEN_FORMS = {"edit-wording", *SEARCH_SETTINGS, "new-search-watch", "try-search", "keep-trial"}
"""Pages that exist for every owner from the start, with the same name."""


EXPLAINED_PAGES = {"member-role", "remove-member"}
"""Pages that report that the user is not a member, as after a removal in another tab."""


@pytest.mark.long
def test_objects_of_other_owners_are_not_found(scene: Scene) -> None:
    owners_own = {pattern.name for pattern in patterns() if pattern.pattern.converters.keys() == {"slug"}}
    for name, address in scene.addresses("agency").items():
        if name not in owners_own | FORBIDDEN_FORMS:
            assert scene.charlie.get(address).status_code in (404, 405), address
            response = scene.charlie.post(address, {"sure": "on"}, follow=True)
            assert response.status_code in (404, 405) or name in EXPLAINED_PAGES, address
    assert Membership.objects.count() == 3
    assert ApiToken.objects.get().revoked_at is None
    assert Invitation.objects.get().revoked_at is None


def test_viewer_can_read_but_not_change(scene: Scene) -> None:
    addresses = scene.addresses()
    assert addresses.keys() >= POST_ONLY_URLS
    for name, address in addresses.items():
        response = scene.bob.get(address)
        assert response.getvalue() is not None
        assert response.status_code in (200, 403, 404, 405), name
        if name in {*OWN_ACCOUNT_FORMS, "mine"}:  # a query that changes nothing
            continue
        other_response = scene.bob.post(address, {"decision": "confirmed", "sure": "on"})
        assert other_response.status_code == 403 or (
            other_response.status_code == 405 and name not in POST_ONLY_URLS
        ), name
        assert other_response.status_code == 405 or has_test_id(other_response, "not-permitted"), name
    scene.case.refresh_from_db()
    assert scene.case.decision == "open"


OWNER_ONLY = {
    *("invite", "member-role", "remove-member", "revoke-invitation", "revoke-token"),
    *("choose-passkeys", "revoke-key", "web-archive", "remove-sample"),
    *("add-webhook", "webhook", "change-webhook", *SEARCH_SETTINGS, "edit-wording"),
}
"""Actions reserved for the role of owner."""


@pytest.mark.long
def test_reviewer_can_do_everything_except_owner_actions(scene: Scene) -> None:
    rita = scene.create_client("rita", scene.studio, Role.REVIEWER)
    for name, address in scene.addresses().items():
        with transaction.atomic():
            status = rita.post(address, {"sure": "on"}).status_code
            transaction.set_rollback(True)
        assert (status == 403) == (name in OWNER_ONLY - {"webhook"}), (name, status)
    assert rita.get(scene.addresses()["webhook"]).status_code == 403  # its deliveries are for owners, too


@pytest.mark.long
def test_secret_urls_work_without_an_account_and_changed_secrets_are_rejected(scene: Scene) -> None:
    secret = {
        "link": scene.link_token,
        "feed": tokens.create_feed(scene.studio, scene.ann, by="alice@example.org"),
        "invitation": invitations.create_invitation(scene.studio, "dora@example.org", "viewer", by="alice@example.org")[
            1
        ],
        "unsubscribe": signing.dumps(mail_choices.get_mail_settings(scene.studio, scene.ann).pk, salt=UNSUBSCRIBE_SALT),
    }
    for name, secret_value in secret.items():
        for person in (scene.charlie, Client()):
            assert person.get(reverse(name, args=[secret_value])).status_code == 200, name
            for value in (secret_value[:-1], secret_value + "x", secret_value[::-1]):
                response = person.get(reverse(name, args=[value]))
                assert response.status_code == 404, name
                assert b"studio" not in response.content.lower(), name
    scene.charlie.post(reverse("invitation", args=[secret["invitation"]]))
    assert not scene.studio.memberships.filter(user__username="charlie@example.org").exists()


def test_confirmation_records_author_and_reason_and_requests_a_bundle(scene: Scene) -> None:
    scene.bundle.delete()
    scene.alice.post(scene.addresses()["decide"], {"decision": "confirmed", "reason": "Not ours"})
    scene.case.refresh_from_db()
    assert (scene.case.decision, scene.case.decided_by, scene.case.reason) == (
        "confirmed",
        "alice@example.org",
        "Not ours",
    )
    assert not scene.case.demonstration
    assert scene.case.bundles.count() == 1


def test_running_a_watch_now_starts_its_next_crawl(scene: Scene) -> None:
    Crawl.objects.update(state="done")
    scene.alice.post(scene.addresses()["run-watch"])
    assert Crawl.objects.filter(number=2, state="running").exists()


def test_paused_watch_stays_paused(scene: Scene) -> None:
    Watch.objects.update(next_run_at=None, paused=True)
    response = scene.alice.post(scene.addresses()["run-watch"], follow=True)
    assert b"is paused" in response.content
    watch = Watch.objects.get()
    assert (watch.paused, watch.next_run_at) == (True, None)


def test_case_of_a_removed_work_has_no_broken_link(scene: Scene) -> None:
    remove_work(scene.work, by="Ann")
    Bundle.objects.update(state="failed", error="Nobody knows.")
    response = scene.alice.get(scene.addresses()["case"])
    assert f'href="{scene.addresses()["work"]}"'.encode() not in response.content
    assert b"Not sealed. Nobody knows." in response.content


def test_found_picture_is_never_served_with_its_original_bytes(scene: Scene) -> None:
    response = scene.alice.get(scene.addresses()["picture"])
    assert response.headers["Content-Type"] == "image/jpeg"
    assert response.content != scene.inline.services.blobs.get(scene.work.pictures.get().digest)


def test_unstorable_characters_are_removed(scene: Scene) -> None:
    assert scene.alice.get(scene.addresses()["works"], {"q": "A\0 work"}).status_code == 200
    form = {"decision": "dismissed", "reason": "It is\0 ours. " + "x" * 5_000}
    assert scene.alice.post(scene.addresses()["decide"], form).status_code == 302
    scene.case.refresh_from_db()
    assert scene.case.reason.startswith("It is ours. x")
    assert len(scene.case.reason) == 1_000


def test_foreign_text_is_escaped(scene: Scene) -> None:
    Sighting.objects.update(page_url="javascript:alert(1)", page_title="<script>alert(1)</script>")
    response = scene.alice.get(scene.addresses()["case"])
    assert b"<script>" not in response.content
    assert b'"javascript:' not in response.content
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]


def test_downloads_have_a_file_name() -> None:
    response = build_download_response(b"%PDF", "sheet.pdf", "application/pdf")
    assert response.headers["Content-Disposition"] == 'attachment; filename="sheet.pdf"'
    assert (response.getvalue(), response.headers["Content-Type"]) == (b"%PDF", "application/pdf")
