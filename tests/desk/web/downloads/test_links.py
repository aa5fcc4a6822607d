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
from exhibit.errors import RefusedError, WrongUseError
from registry.bundles.links import FREE_TRIES, KEPT_FOR, check_link_password, forget_ended, make_link, revoke_link
from registry.bundles.packages import expire_packages
from registry.models import DownloadLink, LogOpening, LogSubmission, Owner, Package, Report, Role, User
from tests import CHECKOUT
from tests.assets.rows import owner
from tests.assets.site_browser import PHONE, Site, use_house
from workers.tasks.sync_runner import SyncRunner

SEALED = b"a sealed bundle"


@pytest.fixture
def studio(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> Owner:
    """An owner with a package and a report."""
    cache.clear()
    use_house(monkeypatch, inline.services)
    made, digest = owner("studio"), inline.services.blobs.put(SEALED).hex
    file = {"name": "one.zip", "digest": digest, "size": len(SEALED), "crc": zlib.crc32(SEALED), "bundle": 1}
    until = now() + timedelta(days=3)
    done = {"state": "done", "files": [file]}
    Package.objects.create(
        owner=made, number=1, recipient="court", asked_by="Ann", made_at=now(), expires_at=until, **done
    )
    csv = {"name": "a.csv", "media_type": "text/csv", "digest": inline.services.blobs.put(b"a,b").hex, "size": 3}
    Report.objects.create(owner=made, number=1, parameters={"title": "May"}, files=[csv], state="done")
    return made


def signed_in(of: Owner, role: str = Role.REVIEWER) -> Client:
    user = User.objects.create_user(f"{role}@example.org", f"{role}@example.org", "not used at all")
    user.memberships.create(owner=of, role=role)
    client = Client()
    client.force_login(user)
    return client


def token_to(of: Owner, what: str = "package", *, password: str = "") -> str:
    to: Package | Report = Package.objects.get() if what == "package" else Report.objects.get()
    return make_link(of, to, days=7, by="Ann", password=password)[1]


def gone(address: str) -> bytes:
    """Return the response to an invalid link."""
    answer = Client().get(address)
    assert answer.status_code == 404
    assert b"leads nowhere" in answer.content
    return re.sub(rb"[A-Za-z0-9]{64}", b"", answer.content)  # CSRF tokens


def test_whoever_has_a_link_takes_the_file_without_signing_in(studio: Owner) -> None:
    token = token_to(studio)
    page = Client().get(f"/d/{token}")
    assert b"Files from Studio" in page.content
    assert b"</time> (UTC)" in page.content
    assert b"/o/studio/" not in page.content
    name = f"studio-court-1-case-{now().date().isoformat()}.zip"
    assert name in page.content.decode()
    file = Client().get(f"/d/{token}/{name}")
    assert SEALED in file.getvalue()
    for answer in (page, file):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
        assert answer.headers["Referrer-Policy"] == "same-origin"
    assert DownloadLink.objects.get().downloads == 1
    used = LogSubmission.objects.get(type=EntryType.ACCESS)
    details = LogOpening.objects.get(submission=used).details or {}
    assert (details["link"], details["package"]) == (1, 1)


def test_a_link_to_a_report_gives_its_files_and_no_others(studio: Owner) -> None:
    token = token_to(studio, "report")
    assert Client().get(f"/d/{token}/a.csv").getvalue() == b"a,b"
    assert Client().get(f"/d/{token}/b.csv").status_code == 404
    assert Client().head(f"/d/{token}/a.csv").status_code == 200
    assert DownloadLink.objects.get().downloads == 1


def test_wrong_expired_and_revoked_links_have_one_and_the_same_answer(studio: Owner) -> None:
    wrong = gone("/d/nothing")
    revoked, over, removed = token_to(studio), token_to(studio), token_to(studio, "report")
    unpacked = token_to(studio)
    revoke_link(studio, 1, by="Ann")
    DownloadLink.objects.filter(number=2).update(expires_at=now())
    Report.objects.update(removed_at=now())
    assert {gone(f"/d/{one}") for one in (revoked, over, removed)} == {wrong}
    assert Client().get(f"/d/{unpacked}").status_code == 200
    Package.objects.update(removed_at=now())
    assert gone(f"/d/{unpacked}") == wrong
    assert {gone(f"/d/{one}/a.csv") for one in (revoked, over, removed, "nothing")} == {wrong}
    assert not LogSubmission.objects.filter(type=EntryType.ACCESS).exists()


def test_the_token_is_kept_nowhere(studio: Owner) -> None:
    token = token_to(studio, password="open sesame")
    row = str(DownloadLink.objects.values().get())
    assert token not in row
    assert "open sesame" not in row
    assert not [one for one in LogOpening.objects.all() if token in f"{one.content}{one.details}"]


def test_a_password_is_asked_for_and_wrong_ones_cost_pauses(studio: Owner) -> None:
    token = token_to(studio, "report", password="open sesame")
    outside = Client()
    assert outside.get(f"/d/{token}/a.csv").status_code == 302
    refused = outside.post(f"/d/{token}/a.csv", {"password": "open"})
    assert refused.status_code == 403
    assert outside.post(f"/d/{token}/a.csv", {"password": "open sesame"}).getvalue() == b"a,b"
    link = DownloadLink.objects.get()
    for _ in range(FREE_TRIES):
        with pytest.raises(RefusedError):
            check_link_password(link, "guess")
    with pytest.raises(RefusedError):
        check_link_password(link, "open sesame")
    DownloadLink.objects.update(locked_until=now())
    check_link_password(link, "open sesame")
    assert DownloadLink.objects.get().failures == 0


@pytest.mark.long
def test_an_address_that_asks_too_often_waits_whichever_process_it_asked(studio: Owner) -> None:
    token, guess = token_to(studio), "/d/guess"
    with override_settings(ACCOUNT_RATE_LIMITS={"link": "3/m/ip"}):
        run_elsewhere("for _ in range(2): consume()")
        assert [Client().get(guess).status_code, Client().get(f"/d/{token}").status_code] == [404, 429]
        assert Client(REMOTE_ADDR="192.0.2.7").get(f"/d/{token}").status_code == 200


def test_visitors_behind_our_proxy_are_told_apart(studio: Owner) -> None:
    token = token_to(studio)
    with override_settings(ACCOUNT_RATE_LIMITS={"link": "1/m/ip"}, ALLAUTH_TRUSTED_PROXY_COUNT=1):
        asked = [
            Client(headers={"X-Forwarded-For": f"198.51.100.1, {one}"}).get(f"/d/{token}").status_code
            for one in ("192.0.2.8", "192.0.2.9", "192.0.2.8")
        ]
    assert asked == [200, 200, 429]


def run_elsewhere(lines: str) -> None:
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


def test_a_package_is_kept_for_as_long_as_a_link_leads_to_it(studio: Owner, inline: SyncRunner) -> None:
    token_to(studio)
    Package.objects.filter(expires_at__lt=now() + timedelta(days=6)).update(expires_at=now())
    assert expire_packages(inline.services) == 0
    with pytest.raises(WrongUseError, match="90"):
        make_link(studio, Package.objects.get(), days=91, by="Ann")
    Package.objects.update(state="doing")
    with pytest.raises(WrongUseError):
        token_to(studio)


def test_links_long_over_are_forgotten_and_no_number_is_given_twice(studio: Owner) -> None:
    tokens = [token_to(studio) for _ in range(5)]
    revoke_link(studio, 2, by="Ann")
    DownloadLink.objects.filter(number=2).update(revoked_at=now() - KEPT_FOR)
    DownloadLink.objects.filter(number__in=[1, 5]).update(expires_at=now() - KEPT_FOR)
    DownloadLink.objects.filter(number=3).update(expires_at=now())
    assert forget_ended() == 2
    assert sorted(DownloadLink.objects.values_list("number", flat=True)) == [3, 4, 5]
    assert Client().get(f"/d/{tokens[3]}").status_code == 200
    token_to(studio)
    assert forget_ended() == 1
    assert sorted(DownloadLink.objects.values_list("number", flat=True)) == [3, 4, 6]


def test_members_make_links_see_their_use_and_take_them_back(studio: Owner, inline: SyncRunner) -> None:
    reviewer, viewer = signed_in(studio), signed_in(studio, Role.VIEWER)
    address = reverse("link-package", args=["studio", 1])
    assert viewer.post(address, {"days": "7"}).status_code == 403
    with override_settings(CONFIG=replace(inline.services.config, public_url="https://exhibit.example")):
        made = reviewer.post(address, {"days": "7", "note": "Counsel"})
    assert "https://exhibit.example/d/" in made.content.decode()
    assert made.headers["Cache-Control"] == "no-store"
    token = made.content.decode().split("/d/")[1].split('"')[0]
    assert Client().get(f"/d/{token}").status_code == 200
    listed = reviewer.get(reverse("links", args=["studio"])).content.decode()
    assert "Counsel" in listed
    assert token not in listed
    assert viewer.post(reverse("revoke-link", args=["studio", 1])).status_code == 403
    agency = signed_in(owner("agency"), Role.OWNER)
    assert agency.post(reverse("revoke-link", args=["studio", 1])).status_code == 404
    assert agency.post(reverse("revoke-link", args=["agency", 1])).status_code == 404
    assert Client().get(f"/d/{token}").status_code == 200
    reviewer.post(reverse("revoke-link", args=["studio", 1]))
    gone(f"/d/{token}")
    told = LogOpening.objects.filter(content__what__in=["link made", "link revoked"])
    assert told.count() == 2


@pytest.mark.long
def test_somebody_outside_sees_a_page_that_everybody_can_use(studio: Owner, site: Site) -> None:
    token = token_to(studio, password="open sesame")
    counsel = site.nobody(size=PHONE)
    page = counsel.open(f"/d/{token}")
    counsel.check()
    page.get_by_label("Password").fill("open sesame")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert SEALED in download.value.path().read_bytes()
