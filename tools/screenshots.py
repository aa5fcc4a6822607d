"""Take the documentation's screenshots: the site's main pages with the data of the demonstration.

    make demo && make screenshots

Requires Chromium. Works on a copy of the demonstration's data, to which two notices are added. In the screenshots, host
names replace the IP addresses of the sites.
"""

import argparse
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import django
from django.conf import settings
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from demo.product import Product, find_free_port
from demo.run import OWNER
from exhibit.browser.program import find_browser
from exhibit.clock import now
from registry.configuration import load_config
from registry.services import addresses

if TYPE_CHECKING:
    from registry import models

ROOT = Path(__file__).resolve().parents[1]
USER_EMAIL = "ann@studio.example"
UNDECIDED_COUNT, NOTICED_COUNT = 30, 3
"""Number of cases that are undecided in the screenshots, and number of cases in the draft notice."""
PAGE_PATHS = {
    "add-works": "o/{owner}/works/add",
    "where": "o/{owner}/watches/where/",
    "cases": "o/{owner}/cases/",
    "case": "o/{owner}/cases/{case}/",
    "notice": "o/{owner}/notices/{notice}/edit",
    "site": "o/{owner}/party/{party}",
}
"""Page paths by screenshot name."""
PHONE_PAGES = ("cases",)
WIDE_SIZE, TALL_SIZE, PHONE_SIZE = (1280, 860), (1280, 1500), (390, 844)
SIZES = {"notice": TALL_SIZE}
SITE_NAMES = {
    "127.0.0.2": "harbour-prints.example",
    "127.0.0.3": "daily-walls.example",
    "127.0.0.4": "small-notes.example",
}
"""Host names that replace the IP addresses of the demonstration's sites."""
REPLACE_NAMES_SCRIPT = """(names) => {
  const named = (text) => text.replace(/(127\\.0\\.0\\.\\d+)(:\\d+)?/g, (all, address) => names[address] ?? all);
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) node.data = named(node.data);
  for (const one of document.querySelectorAll("input, textarea")) one.value = named(one.value);
}"""
NOTICE_SENT_DAYS_AGO = 88
QUALITY = 80


def main(arguments: list[str] | None = None) -> int:
    """Take the screenshots and return an exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--demo", type=Path, default=ROOT / "demo-out", help="output folder of `make demo` (default: demo-out)"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    options = parser.parse_args(arguments)
    program, data = find_browser("").path, options.demo / "data"
    if program is None or not data.is_dir():
        print("Chromium and the data of the demonstration are required. Run `make demo` first.", file=sys.stderr)
        return 2
    options.out.mkdir(parents=True, exist_ok=True)
    # Playwright runs an event loop in this thread, in which Django would refuse queries.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with _run_site(data) as (site_url, cookie, values), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for name, size in [
            *((page_name, SIZES.get(page_name, WIDE_SIZE)) for page_name in PAGE_PATHS),
            *((page_name, PHONE_SIZE) for page_name in PHONE_PAGES),
        ]:
            page = _open_page(browser, site_url, cookie, size)
            page.goto(site_url + PAGE_PATHS[name].format(**values), wait_until="networkidle")
            page.evaluate(REPLACE_NAMES_SCRIPT, SITE_NAMES)
            kind = "-phone" if size is PHONE_SIZE else ""
            _save_screenshot(page.screenshot(), options.out / f"{name}{kind}.webp")
            page.context.close()
        browser.close()
    return 0


@contextmanager
def _run_site(data: Path) -> Iterator[tuple[str, dict[str, str], dict[str, object]]]:
    """Start a copy of the demonstration's site. Yields its URL, a member's cookie, and the values for page paths."""
    with tempfile.TemporaryDirectory(prefix="exhibit-shots-") as name:
        Path(name).chmod(0o755)
        subprocess.run(["cp", "-a", str(data), f"{name}/data"], check=True)  # Preserves file owners.
        port = str(find_free_port())
        environment = {"EXHIBIT_DATA": f"{name}/data", "EXHIBIT_WEB_PORT": port, "DATABASE_URL": "", "REDIS_URL": ""}
        product = Product(environment, Path(name) / "commands.log")
        product.run("up", "--detach")
        try:
            # A copied log is not signed until an operator confirms that the original is not in use.
            product.run("api", "POST", "/operator/log/accept-head", "--field", "reason=A copy for pictures.")
            yield f"http://127.0.0.1:{port}/", *_prepare(environment)
        finally:
            product.run("down")


def _prepare(environment: dict[str, str]) -> tuple[dict[str, str], dict[str, object]]:
    """Sign in a user, and prepare her cases. Returns the session cookie and the values for page paths."""
    config = load_config(environment)
    servers = {"DATABASE_URL": addresses.get_database_url(config), "REDIS_URL": addresses.get_broker_url(config)}
    os.environ.update(environment | servers, DJANGO_SETTINGS_MODULE="desk.settings")

    django.setup()
    from django import test

    from registry import models

    owner = models.Owner.objects.get(name=OWNER)
    user = models.User.objects.create_superuser(USER_EMAIL, USER_EMAIL)
    models.Membership.objects.create(user=user, owner=owner, role="owner")
    client = test.Client()
    client.force_login(user)
    cookie = {"name": settings.SESSION_COOKIE_NAME, "value": client.cookies[settings.SESSION_COOKIE_NAME].value}
    return cookie, {"owner": owner.slug, **_prepare_cases(owner)}


def _prepare_cases(owner: "models.Owner") -> dict[str, object]:
    """Reopen most decided cases, and add notices to the others. Returns the values for page paths."""
    from registry.cases import decisions
    from registry.notices import notices

    confirmed = list(owner.cases.filter(decision="confirmed").select_related("work").order_by("number"))
    reopened, decided = confirmed[:UNDECIDED_COUNT], confirmed[UNDECIDED_COUNT:]
    first = decided[-1]
    other_numbers = [case.number for case in decided if case.party == first.party and case != first]
    sent_notice = notices.create_draft(owner, [first.number], "dsa", "en", by=USER_EMAIL)
    _write_notice(sent_notice, "Harbour Hosting", "abuse@hosting.example", "what a registry said of the network")
    draft_notice = notices.create_draft(owner, other_numbers[:NOTICED_COUNT], "dmca", "en", by=USER_EMAIL)
    _write_notice(draft_notice, "Harbour Hosting", "", "")
    for case in reopened:
        decisions.reopen_decided_case(case, by=USER_EMAIL, reason="Shown undecided in the documentation.")
    _record_reply(sent_notice)
    return {"case": reopened[0].number, "party": first.party, "notice": draft_notice.number}


def _write_notice(row: "models.Notice", addressee: str, mail: str, source: str) -> None:
    from registry.notices import notices

    values = {
        "addressee_name": addressee,
        "addressee_email": mail,
        "addressee_source": source,
        "sender_name": "Ann Studio",
        "sender_capacity": "owner",
        "sender_email": USER_EMAIL,
    }
    notices.save_fields(row, values, values)


def _record_reply(notice: "models.Notice") -> None:
    """Record that a notice was sent three months ago and that a reply arrived."""
    from registry.db import rows
    from registry.notices import notices

    sent_at = now() - timedelta(days=NOTICE_SENT_DAYS_AGO)
    rows.update_row(notice, state="sent", created_at=sent_at, signed_at=sent_at, signed_by=USER_EMAIL, sent_at=sent_at)
    notices.record_outcome(
        notice, "answered", sent_at.date() + timedelta(days=6), "They ask for a licence.", by=USER_EMAIL
    )


def _open_page(browser: Browser, site_url: str, cookie: dict[str, str], size: tuple[int, int]) -> Page:
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, locale="en-GB", timezone_id="Europe/Berlin"
    )
    context.add_cookies([{"name": cookie["name"], "value": cookie["value"], "url": site_url}])
    return context.new_page()


def _save_screenshot(screenshot: bytes, path: Path) -> None:
    """Save a screenshot as WebP, a quarter of the size of PNG."""
    with Image.open(io.BytesIO(screenshot)) as picture:
        picture.convert("RGB").save(path, "WEBP", quality=QUALITY, method=6)


if __name__ == "__main__":
    sys.exit(main())
