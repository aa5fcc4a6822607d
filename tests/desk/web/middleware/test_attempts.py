"""Test attacks on the site and the API, one attempt each; ``docs/reference/asvs.md`` refers to them."""

import json
import time
from collections.abc import Iterator
from itertools import product
from types import SimpleNamespace
from typing import cast

import pytest
from django.core.cache import cache
from django.db import transaction
from django.test import Client
from django.urls import reverse

from exhibit.errors import InvalidRequestError, NotFoundError, RefusedError
from registry.cases.licence_check import Place, _matches_url_pattern
from registry.members import invitations, tokens
from registry.models import ApiToken, Membership, Owner, Role, Scope, User, Webhook, Work
from registry.notices import wording
from registry.notifications import webhooks
from registry.services.services import Services
from registry.works.licences import NewLicence, add_licences
from tests.assets.api_programs import ROOT, Program, alice, create_program, decider, scene_of_programs, studio
from tests.assets.desk_scene import Scene, scene
from tests.desk.web.common.test_access import POST_ONLY_URLS

__all__ = ["alice", "decider", "scene", "scene_of_programs", "studio"]
XSS = '"><script>alert(1)</script><img src=x onerror=alert(1)>'


@pytest.fixture(autouse=True)
def reset_attempt_counts() -> Iterator[None]:
    """Reset the counts of other tests' attempts."""
    cache.clear()
    yield
    cache.clear()


@pytest.mark.long
def test_cross_site_form_is_rejected(scene: Scene) -> None:
    """CSRF on every URL that accepts a form."""
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(scene.ann)
    for name, address in scene.addresses().items():
        response = browser.post(address, {"sure": "on"}, headers={"Origin": "https://evil.example"})
        assert response.status_code in (403, 405), name
        assert response.status_code == 403 or name not in POST_ONLY_URLS, name


def test_cross_origin_reads_are_forbidden(scene: Scene) -> None:
    """CORS and embedding."""
    for address in ("/", "/api/v1/owners", f"/d/{scene.link_token}", scene.addresses()["case"]):
        response = scene.alice.get(address, headers={"Origin": "https://evil.example"})
        assert not [name for name in response.headers if name.lower().startswith("access-control")]
        assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
        assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.long
def test_personal_pages_are_not_cached_publicly(scene: Scene) -> None:
    for name, address in scene.addresses().items():
        response = scene.alice.get(address)
        assert response.getvalue() is not None
        if response.status_code == 200:
            cache_control = response.headers.get("Cache-Control", "")
            assert "private" in cache_control or "no-store" in cache_control, (name, cache_control)
    for address in ("/api/v1/owners/studio/cases", "/api/v1/owners"):
        assert scene.alice.get(address).headers["Cache-Control"] == "no-store"


TRAVERSAL_PATHS = (
    "/d/{token}/..%2f..%2fsecrets%2fsecret_key", "/d/{token}/../../exhibit.toml", "/d/{token}/%2e%2e%2fa.zip",
    "/log/tile/entries/..%2f..%2fsecrets", "/log/tile/0/../../../secrets/secret_key", "/log/tile/0/x001/../001",
    "/o/studio/notices/1/files/..%2fa.csv", "/o/studio/downloads/reports/1/files/%2e%2e%2f%2e%2e%2fexhibit.toml",
    "/o/studio/cases/1/papers/..%2f..%2fetc", "/o/studio/notices/wording/..%2fdmca.en/", "/static/../settings.py",
    "/static/..%2f..%2fsettings.py", "/api/v1/owners/studio/reports/1/files/..%2f..%2fexhibit.toml",
    "/o/studio/cases/1/captures/1/..%2f..%2fblobs", "/d/{token}/%00", "/d/{token}/a.csv%00.zip",
)  # fmt: skip


def test_path_traversal_is_rejected(scene: Scene) -> None:
    for client, path in product((scene.alice, Client()), TRAVERSAL_PATHS):
        response = client.get(path.replace("{token}", scene.link_token))
        assert response.status_code in (302, 400, 404), path
        assert scene.link_token not in response.headers.get("Location", "") or response.status_code == 302, path


@pytest.mark.long
def test_title_is_escaped_on_every_page(scene: Scene) -> None:
    """Stored XSS: titles, names, sites, file names."""
    Work.objects.update(title=XSS, author=XSS, source_name=XSS, holder=XSS, rights_statement=XSS, credit=XSS)
    Owner.objects.filter(slug="studio").update(name=XSS, contact="a@example.org")
    scene.studio.cases.update(party=XSS)
    addresses = scene.addresses()
    count = 0
    for address in (*addresses.values(), f"/d/{scene.link_token}", "/owners/"):
        response = scene.alice.get(address)
        assert response.getvalue() is not None
        if response.headers.get("Content-Type", "").startswith("text/html"):
            page = response.content.decode()
            assert XSS[2:27] not in page, address
            assert "<img src=x" not in page, address
            count += "&lt;script&gt;alert(1)" in page
    assert count > 10


def test_file_name_cannot_break_its_header(scene: Scene) -> None:
    """Header injection through Content-Disposition, and a type that a browser would run."""
    evil = 'a".html\r\nSet-Cookie: x=1\r\n\r\n<script>'
    row = scene.work.attachments.get()
    type(row).objects.filter(pk=row.pk).update(name=evil)
    response = scene.alice.get(scene.addresses()["attachment"])
    assert response.getvalue() == b"%PDF"
    assert "x" not in response.cookies
    header = response.headers["Content-Disposition"]
    assert header.startswith("attachment")
    assert "\n" not in header
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert (
        "text/html" not in response.headers["Content-Type"] or "sandbox" in response.headers["Content-Security-Policy"]
    )


def test_csv_cells_are_not_formulas(scene: Scene) -> None:
    """Formula injection through file names."""
    for sign in ("=", "+", "-", "@", "\t", "\r"):
        scene.studio.uploads.get().files.update(name=f"{sign}HYPERLINK(1)", outcome="refused", reason="empty")
        text = b"".join(scene.alice.get(scene.addresses()["upload-results"])).decode("utf-8-sig")
        assert f"\n{sign}HYPER" not in text.replace("\r\n", "\n"), sign
        assert f'\n"{sign}HYPER' not in text.replace("\r\n", "\n"), sign


FORBIDDEN_URLS = (
    "http://127.0.0.1:6379/", "http://[::1]/", "http://169.254.169.254/latest/", "http://0x7f000001/", "http://10.0.0.1/",
    "http://localhost/", "ftp://example.org/", "file:///etc/passwd", "gopher://example.org/", "http://a:b@example.org/",
    "http://example.org:22/", "http://①②⑦.0.0.1/", "https://[::ffff:10.0.0.1]/",
)  # fmt: skip


@pytest.mark.parametrize("url", FORBIDDEN_URLS)
def test_urls_sent_to_the_api_cannot_reach_private_addresses(
    scene_of_programs: Scene, decider: Program, url: str
) -> None:
    """SSRF through webhooks and the sources of watches."""
    services = get_restricted_services(scene_of_programs)
    with pytest.raises(RefusedError):
        webhooks.add_webhook(services, scene_of_programs.studio, url, [], by="Ann")
    assert decider.post("/webhooks", {"url": url, "events": []})[0] in (400, 422)
    for kind in ("site", "sitemap", "feed", "list"):
        assert decider.post("/watches", {"name": "x", "sources": [{"kind": kind, "url": url}]})[0] in (400, 422), kind


def get_restricted_services(scene: Scene) -> Services:
    """Return the services, after checking that the operator allows no private networks."""
    assert not scene.inline.services.config.allowed_networks
    return scene.inline.services


def test_member_cannot_raise_their_own_role(scene: Scene) -> None:
    """Viewer to owner, reviewer to owner, owner to operator."""
    rita = scene.create_client("rita", scene.studio, Role.REVIEWER)
    for name, client in (("bob", scene.bob), ("rita", rita)):
        user = User.objects.get(username=f"{name}@example.org")
        before = user.memberships.get().role
        for fields in ({"role": "owner"}, {"role": "owner", "is_staff": "on", "sure": "on"}):
            address = reverse("member-role", args=["studio", user.pk])
            assert client.post(address, fields).status_code == 403
            assert client.post(
                reverse("make-token", args=["studio"]), {"name": "x", "scopes": ["manage"], "days": "9"}
            ).status_code in (200, 302, 400)
        assert user.memberships.get().role == before
    assert not ApiToken.objects.filter(scopes__contains=["manage"]).exists()
    for address in ("/operator/", "/operator/retry", "/operator/leave"):
        assert scene.alice.get(address).status_code in (403, 404, 405)
        assert scene.alice.post(address).status_code in (403, 404, 405)
    assert not User.objects.filter(is_staff=True).exists()


def test_api_token_cannot_extend_its_own_scopes(scene_of_programs: Scene, decider: Program) -> None:
    """Mass assignment: fields that rows have and requests do not."""
    for body in ({"owner": 2}, {"number": 7}, {"registered_at": "2001-01-01T00:00:00Z"}, {"holder": "x", "pk": 9}):
        assert decider.send("patch", "/works/1", body)[0] == 400, body
    body = {"decision": "dismissed", "reason": "x", "decided_by": "somebody else"}
    assert decider.post("/cases/1/decisions", body)[0] == 400


def test_stored_response_is_not_returned_to_other_tokens(scene_of_programs: Scene, decider: Program) -> None:
    """A guessed idempotency key."""
    response = decider.post("/reports", {"title": "Secret title", "formats": ["csv"]}, key="k1")
    assert response[0] in (201, 202)
    charlie = create_program(Owner.objects.get(slug="agency"), "charlie")
    other_response = charlie.client.post(
        ROOT + "/reports", json.dumps({"title": "Secret title", "formats": ["csv"]}), content_type="application/json",
        headers={"Idempotency-Key": "k1"},
    )  # fmt: skip
    assert other_response.status_code == 404
    assert "Secret" not in other_response.content.decode()


CURSORS = ("1 OR 1=1", "'; --", "%00", "AAAA", "-1", "9" * 400, "eyJhIjoxfQ==")


def test_forged_cursor_is_rejected(scene_of_programs: Scene, decider: Program) -> None:
    for path, cursor in product(("/cases", "/works", "/uploads"), CURSORS):
        assert decider.client.get(ROOT + path, {"cursor": cursor}).status_code in (200, 400), (path, cursor)


SEARCH_TEXTS = ("' OR 1=1 --", "%", "_", "\\", "a" * 200, "(((((", "*" * 100, "{{7*7}}", "${7*7}")


@pytest.mark.long
def test_search_text_is_not_executed(scene: Scene) -> None:
    """Injection into SQL and templates through search terms."""
    for name, text in product(("works", "cases"), SEARCH_TEXTS):
        response = scene.alice.get(scene.addresses()[name], {"q": text})
        assert response.status_code == 200, text
        assert "49" not in response.content.decode().split("</form>")[-1] or "7*7" not in text, text


@pytest.mark.parametrize("text", ["{party.__class__}", "{0}", "{party!r}", "{party[0]}", "{settings}", "{}"])
def test_wording_template_only_replaces_names(text: str) -> None:
    """Template injection through notice wordings."""
    base = wording.load_shipped_wording("dmca", "en")
    with pytest.raises(InvalidRequestError):
        wording.check_wording("dmca", "en", base.subject, base.body + text, base.item)


def test_wildcard_pattern_is_fast(scene: Scene) -> None:
    """ReDoS through licences."""
    start = time.process_time()
    pattern = "https://" + "*a" * 450 + "*b"
    url = "https://" + "a" * 8_000
    assert not _matches_url_pattern(cast("Place", SimpleNamespace(page_url=url, image_url=url)), pattern)
    assert time.process_time() - start < 2
    add_licences(scene.studio, [NewLicence("A", domain="a.example", url_pattern=pattern)])


@pytest.mark.long
def test_numbers_of_tokens_invitations_and_webhooks_are_limited(scene_of_programs: Scene, decider: Program) -> None:
    """Tokens, webhooks and invitations by the thousand."""
    studio, person = scene_of_programs.studio, scene_of_programs.ann
    for number in range(tokens.MAX_TOKENS - tokens.list_tokens(studio).count()):
        tokens.create_token(studio, person, name=f"t{number}", scopes=[Scope.READ], days=1)
    with pytest.raises(InvalidRequestError):
        tokens.create_token(studio, person, name="one more", scopes=[Scope.READ], days=1)
    for number in range(invitations.MAX_OPEN):
        invitations.create_invitation(studio, f"a{number}@example.org", "viewer", by="Ann")
    with pytest.raises(InvalidRequestError):
        invitations.create_invitation(studio, "one-more@example.org", "viewer", by="Ann")
    for number in range(2, webhooks.MAX_WEBHOOKS + 1):
        Webhook.objects.create(
            owner=studio,
            number=number,
            url="https://example.org/",
            kinds=[],
            made_at=person.date_joined,
            encrypted_secret=b"",
        )
    assert decider.post("/webhooks", {"url": "https://example.org/", "events": []})[0] == 422


def test_invitation_admits_the_invited_user_once(scene: Scene) -> None:
    row, secret = invitations.create_invitation(scene.studio, "charlie@example.org", "viewer", by="Ann")
    for client in (scene.bob, Client()):
        client.post(f"/invitations/{secret}/")
    assert Membership.objects.filter(owner=scene.studio).count() == 2
    scene.charlie.post(f"/invitations/{secret}/")
    assert Membership.objects.filter(owner=scene.studio).count() == 3
    Membership.objects.filter(owner=scene.studio, user__username="charlie@example.org").delete()
    assert scene.charlie.post(f"/invitations/{secret}/").status_code == 404
    assert not Membership.objects.filter(owner=scene.studio, user__username="charlie@example.org").exists()
    assert row.digest.raw not in secret.encode()


def test_invitation_address_with_line_breaks_is_rejected(scene: Scene, mailoutbox: list[object]) -> None:
    """Header injection into mails."""
    for email in ("a@example.org\r\nBcc: b@example.org", "a@example.org%0aBcc: b", "a@example.org,b@example.org"):
        scene.alice.post(reverse("invite", args=["studio"]), {"email": email, "role": "viewer"})
    for message in mailoutbox:
        assert "Bcc" not in str(getattr(message, "extra_headers", "")) + str(getattr(message, "subject", ""))
        assert len(getattr(message, "to", [])) == 1


def test_unsupported_http_methods_are_rejected(scene: Scene) -> None:
    for name, method in product(("case", "works", "tokens"), ("TRACE", "CONNECT", "PROPFIND", "DEBUG")):
        response = scene.alice.generic(method, scene.addresses()[name])
        assert response.status_code in (403, 405), (name, method)


def test_method_override_header_is_ignored(scene: Scene) -> None:
    response = scene.bob.post(
        reverse("member-role", args=["studio", scene.ann.pk]), {"_method": "GET", "role": "viewer"},
        headers={"X-HTTP-Method-Override": "GET"},
    )  # fmt: skip
    assert response.status_code == 403
    assert Membership.objects.get(user=scene.ann).role == Role.OWNER


def test_last_owner_cannot_be_removed(scene: Scene) -> None:
    scene.alice.post(reverse("leave", args=["studio"]), {"sure": "on"})
    scene.alice.post(reverse("member-role", args=["studio", scene.ann.pk]), {"role": "viewer"})
    assert Membership.objects.get(user=scene.ann).role == Role.OWNER


def test_concurrent_acceptance_of_an_invitation_admits_a_single_user(scene: Scene) -> None:
    """The same link twice at the same moment: the second request finds it used."""
    row, _ = invitations.create_invitation(scene.studio, "charlie@example.org", "viewer", by="Ann")
    charlie = User.objects.get(username="charlie@example.org")
    with transaction.atomic():
        assert invitations.accept_invitation(row, charlie) is not None
    with pytest.raises(NotFoundError):
        invitations.accept_invitation(row, charlie)


@pytest.mark.long
def test_cookies_use_the_host_prefix_behind_tls() -> None:
    """Cookies under ``https``, read from the settings in a separate process."""
    import os
    import subprocess
    import sys
    import tempfile

    names = ("SESSION_COOKIE", "CSRF_COOKIE", "LANGUAGE_COOKIE")
    expressions = [*(f"s.{name}_NAME" for name in names), *(f"s.{name}_SECURE" for name in names)]
    expressions += ["s.SESSION_COOKIE_HTTPONLY", "s.CSRF_COOKIE_HTTPONLY"]
    program = f"from desk import settings as s; print({', '.join(expressions)})"
    with tempfile.TemporaryDirectory() as folder:
        environ = {**os.environ, "EXHIBIT_DATA": folder, "EXHIBIT_PUBLIC_URL": "https://exhibit.example"}
        result = subprocess.run(
            [sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True
        )
    cookie_names, flags = result.stdout.split()[:3], result.stdout.split()[3:]
    assert all(name.startswith("__Host-") for name in cookie_names)
    assert set(flags) == {"True"}
