"""Test that public links give access only to their file, until they expire."""

import re
import subprocess
import sys
import zlib
from dataclasses import replace
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client, override_settings
from django.urls import reverse

from exhibit.clock import now
from exhibit.entries import EntryType
from exhibit.errors import InvalidRequestError, RefusedError
from registry.bundles.links import (
    FREE_ATTEMPTS,
    USE_COUNT_RETENTION,
    check_link_password,
    create_link,
    delete_ended_links,
    revoke_link,
)
from registry.bundles.packages import expire_packages
from registry.models import DownloadLink, LogOpening, LogSubmission, Owner, Package, Report, Role, User
from tests import CHECKOUT
from tests.assets.rows import owner
from tests.assets.site_browser import PHONE, Site, use_services
from workers.tasks.sync_runner import SyncRunner

BUNDLE_BYTES = b"a sealed bundle"


@pytest.fixture
def studio(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> Owner:
    """An owner with a package and a report."""
    cache.clear()
    use_services(monkeypatch, inline.services)
    new_owner, digest = owner("studio"), inline.services.blobs.put(BUNDLE_BYTES).hex
    file = {
        "name": "one.zip",
        "digest": digest,
        "size": len(BUNDLE_BYTES),
        "crc": zlib.crc32(BUNDLE_BYTES),
        "bundle": 1,
    }
    until = now() + timedelta(days=3)
    fields = {"state": "done", "files": [file]}
    Package.objects.create(
        owner=new_owner, number=1, recipient="court", requested_by="Ann", made_at=now(), expires_at=until, **fields
    )
    csv = {"name": "a.csv", "media_type": "text/csv", "digest": inline.services.blobs.put(b"a,b").hex, "size": 3}
    Report.objects.create(owner=new_owner, number=1, parameters={"title": "May"}, files=[csv], state="done")
    return new_owner


def sign_in(rights_holder: Owner, role: str = Role.REVIEWER) -> Client:
    user = User.objects.create_user(f"{role}@example.org", f"{role}@example.org", "not used at all")
    user.memberships.create(owner=rights_holder, role=role)
    client = Client()
    client.force_login(user)
    return client


def make_link_token(rights_holder: Owner, what: str = "package", *, password: str = "") -> str:
    to: Package | Report = Package.objects.get() if what == "package" else Report.objects.get()
    return create_link(rights_holder, to, days=7, by="Ann", password=password)[1]


def fetch_error_page(address: str) -> bytes:
    """Return the response to an invalid link."""
    response = Client().get(address)
    assert response.status_code == 404
    assert "web/link-gone.html" in {template.name for template in response.templates}
    return re.sub(rb"[A-Za-z0-9]{64}", b"", response.content)  # CSRF tokens


def test_anyone_with_the_link_downloads_without_signing_in(studio: Owner) -> None:
    token = make_link_token(studio)
    page = Client().get(f"/d/{token}")
    assert b"Files from Studio" in page.content
    assert b"</time> (UTC)" in page.content
    assert b"/o/studio/" not in page.content
    name = f"studio-court-1-case-{now().date().isoformat()}.zip"
    assert name in page.content.decode()
    file = Client().get(f"/d/{token}/{name}")
    assert BUNDLE_BYTES in file.getvalue()
    for response in (page, file):
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["X-Robots-Tag"] == "noindex, nofollow"
        assert response.headers["Referrer-Policy"] == "same-origin"
    assert DownloadLink.objects.get().downloads == 1
    submission = LogSubmission.objects.get(type=EntryType.ACCESS)
    details = LogOpening.objects.get(submission=submission).details or {}
    assert (details["link"], details["package"]) == (1, 1)


def test_report_link_serves_only_its_own_files(studio: Owner) -> None:
    token = make_link_token(studio, "report")
    assert Client().get(f"/d/{token}/a.csv").getvalue() == b"a,b"
    assert Client().get(f"/d/{token}/b.csv").status_code == 404
    assert Client().head(f"/d/{token}/a.csv").status_code == 200
    assert DownloadLink.objects.get().downloads == 1


def test_unknown_expired_and_revoked_links_return_the_same_response(studio: Owner) -> None:
    error_page = fetch_error_page("/d/nothing")
    revoked_token, expired_token, removed_token = (
        make_link_token(studio),
        make_link_token(studio),
        make_link_token(studio, "report"),
    )
    unpacked_token = make_link_token(studio)
    revoke_link(studio, 1, by="Ann")
    DownloadLink.objects.filter(number=2).update(expires_at=now())
    Report.objects.update(removed_at=now())
    assert {fetch_error_page(f"/d/{item}") for item in (revoked_token, expired_token, removed_token)} == {error_page}
    assert Client().get(f"/d/{unpacked_token}").status_code == 200
    Package.objects.update(removed_at=now())
    assert fetch_error_page(f"/d/{unpacked_token}") == error_page
    assert {
        fetch_error_page(f"/d/{item}/a.csv") for item in (revoked_token, expired_token, removed_token, "nothing")
    } == {error_page}
    assert not LogSubmission.objects.filter(type=EntryType.ACCESS).exists()


def test_link_token_is_not_stored(studio: Owner) -> None:
    token = make_link_token(studio, password="open sesame")
    row = str(DownloadLink.objects.values().get())
    assert token not in row
    assert "open sesame" not in row
    assert not [opening for opening in LogOpening.objects.all() if token in f"{opening.content}{opening.details}"]


def test_link_password_is_required_and_failures_are_throttled(studio: Owner) -> None:
    token = make_link_token(studio, "report", password="open sesame")
    outside = Client()
    assert outside.get(f"/d/{token}/a.csv").status_code == 302
    refused_response = outside.post(f"/d/{token}/a.csv", {"password": "open"})
    assert refused_response.status_code == 403
    assert outside.post(f"/d/{token}/a.csv", {"password": "open sesame"}).getvalue() == b"a,b"
    link = DownloadLink.objects.get()
    for _ in range(FREE_ATTEMPTS):
        with pytest.raises(RefusedError):
            check_link_password(link, "guess")
    with pytest.raises(RefusedError):
        check_link_password(link, "open sesame")
    DownloadLink.objects.update(locked_until=now())
    check_link_password(link, "open sesame")
    assert DownloadLink.objects.get().failures == 0


@pytest.mark.long
def test_download_link_throttling_applies_across_processes(studio: Owner) -> None:
    token, guess = make_link_token(studio), "/d/guess"
    with override_settings(ACCOUNT_RATE_LIMITS={"link": "3/m/ip"}):
        run_in_process("for _ in range(2): consume()")
        assert [Client().get(guess).status_code, Client().get(f"/d/{token}").status_code] == [404, 429]
        assert Client(REMOTE_ADDR="192.0.2.7").get(f"/d/{token}").status_code == 200


def test_visitors_behind_a_trusted_proxy_are_distinguished(studio: Owner) -> None:
    token = make_link_token(studio)
    with override_settings(ACCOUNT_RATE_LIMITS={"link": "1/m/ip"}, ALLAUTH_TRUSTED_PROXY_COUNT=1):
        statuses = [
            Client(headers={"X-Forwarded-For": f"198.51.100.1, {ip}"}).get(f"/d/{token}").status_code
            for ip in ("192.0.2.8", "192.0.2.9", "192.0.2.8")
        ]
    assert statuses == [200, 200, 429]


def run_in_process(lines: str) -> None:
    """Run lines in another process of the site, in which ``consume`` counts a request from 127.0.0.1 for a link."""
    begin = (
        "import django; django.setup()\n"
        "from allauth.decorators import rate_limit\n"
        "from django.http import HttpResponse\n"
        "from django.test import RequestFactory, override_settings\n"
        "override_settings(ACCOUNT_RATE_LIMITS={'link': '3/m/ip'}).enable()\n"
        "counted = rate_limit(action='link', limit_get=True)(lambda request: HttpResponse())\n"
        "def consume(): assert counted(RequestFactory().get('/d/x')).status_code == 200\n"
    )
    subprocess.run([sys.executable, "-c", begin + lines], cwd=CHECKOUT, check=True)


def test_package_is_stored_while_its_link_is_valid(studio: Owner, inline: SyncRunner) -> None:
    make_link_token(studio)
    Package.objects.filter(expires_at__lt=now() + timedelta(days=6)).update(expires_at=now())
    assert expire_packages(inline.services) == 0
    with pytest.raises(InvalidRequestError, match="90"):
        create_link(studio, Package.objects.get(), days=91, by="Ann")
    Package.objects.update(state="running")
    with pytest.raises(InvalidRequestError):
        make_link_token(studio)


def test_expired_links_are_deleted_and_numbers_are_not_reused(studio: Owner) -> None:
    tokens = [make_link_token(studio) for _ in range(5)]
    revoke_link(studio, 2, by="Ann")
    DownloadLink.objects.filter(number=2).update(revoked_at=now() - USE_COUNT_RETENTION)
    DownloadLink.objects.filter(number__in=[1, 5]).update(expires_at=now() - USE_COUNT_RETENTION)
    DownloadLink.objects.filter(number=3).update(expires_at=now())
    assert delete_ended_links() == 2
    assert sorted(DownloadLink.objects.values_list("number", flat=True)) == [3, 4, 5]
    assert Client().get(f"/d/{tokens[3]}").status_code == 200
    make_link_token(studio)
    assert delete_ended_links() == 1
    assert sorted(DownloadLink.objects.values_list("number", flat=True)) == [3, 4, 6]


def test_members_create_view_and_revoke_links(studio: Owner, inline: SyncRunner) -> None:
    reviewer, viewer = sign_in(studio), sign_in(studio, Role.VIEWER)
    address = reverse("link-package", args=["studio", 1])
    assert viewer.post(address, {"days": "7"}).status_code == 403
    with override_settings(CONFIG=replace(inline.services.config, public_url="https://exhibit.example")):
        response = reviewer.post(address, {"days": "7", "note": "Counsel"})
    assert "https://exhibit.example/d/" in response.content.decode()
    assert response.headers["Cache-Control"] == "no-store"
    token = response.content.decode().split("/d/")[1].split('"')[0]
    assert Client().get(f"/d/{token}").status_code == 200
    listed = reviewer.get(reverse("links", args=["studio"])).content.decode()
    assert "Counsel" in listed
    assert token not in listed
    assert viewer.post(reverse("revoke-link", args=["studio", 1])).status_code == 403
    agency = sign_in(owner("agency"), Role.OWNER)
    assert agency.post(reverse("revoke-link", args=["studio", 1])).status_code == 404
    assert agency.post(reverse("revoke-link", args=["agency", 1])).status_code == 404
    assert Client().get(f"/d/{token}").status_code == 200
    reviewer.post(reverse("revoke-link", args=["studio", 1]))
    fetch_error_page(f"/d/{token}")
    openings = LogOpening.objects.filter(content__what__in=["link made", "link revoked"])
    assert openings.count() == 2


@pytest.mark.long
def test_public_link_page_is_accessible(studio: Owner, site: Site) -> None:
    token = make_link_token(studio, password="open sesame")
    counsel = site.anonymous_visitor(size=PHONE)
    page = counsel.open(f"/d/{token}")
    counsel.check()
    page.get_by_label("Password").fill("open sesame")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert BUNDLE_BYTES in download.value.path().read_bytes()
