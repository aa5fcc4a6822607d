"""Take the documentation's screenshots: the site's main pages with the data of the demonstration.

    make demo && make screenshots

Needs a Chromium. Works on a copy of the demonstration's data, to which two notices are added. The sites have
names in the screenshots.
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

from demo.product import Product, free_port
from demo.run import OWNER
from exhibit.browser.program import find_browser
from exhibit.clock import now
from registry.configuration import load_config
from registry.services import addresses

if TYPE_CHECKING:
    from registry import models

ROOT = Path(__file__).resolve().parents[1]
PERSON = "ann@studio.example"
UNDECIDED, NOTICED = 30, 3
"""Number of the demonstration's cases that are undecided in the screenshots, and of those that a notice is about."""
PAGES = {
    "add-works": "o/{owner}/works/add",
    "where": "o/{owner}/watches/where/",
    "cases": "o/{owner}/cases/",
    "case": "o/{owner}/cases/{case}/",
    "notice": "o/{owner}/notices/{notice}/edit",
    "site": "o/{owner}/party/{party}",
}
"""Pages by the names of their screenshots."""
ON_PHONE = ("cases",)
WIDE, TALL, PHONE = (1280, 860), (1280, 1500), (390, 844)
SIZES = {"notice": TALL}
SITES = {"127.0.0.2": "harbour-prints.example", "127.0.0.3": "daily-walls.example", "127.0.0.4": "small-notes.example"}
"""Names for the demonstration's sites, by IP address."""
NAMES = """(names) => {
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
    # The driver keeps an event loop in this thread, and Django would assume that queries run inside it.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with _running(data) as (address, cookie, values), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for name, size in [
            *((page_name, SIZES.get(page_name, WIDE)) for page_name in PAGES),
            *((page_name, PHONE) for page_name in ON_PHONE),
        ]:
            page = _page(browser, address, cookie, size)
            page.goto(address + PAGES[name].format(**values), wait_until="networkidle")
            page.evaluate(NAMES, SITES)
            kind = "-phone" if size is PHONE else ""
            _save(page.screenshot(), options.out / f"{name}{kind}.webp")
            page.context.close()
        browser.close()
    return 0


@contextmanager
def _running(data: Path) -> Iterator[tuple[str, dict[str, str], dict[str, object]]]:
    """Start a copy of the demonstration's site. Yields its URL, a member's cookie, and the values for page paths."""
    with tempfile.TemporaryDirectory(prefix="exhibit-shots-") as name:
        Path(name).chmod(0o755)
        subprocess.run(["cp", "-a", str(data), f"{name}/data"], check=True)  # preserves the owners of files
        port = str(free_port())
        environment = {"EXHIBIT_DATA": f"{name}/data", "EXHIBIT_WEB_PORT": port, "DATABASE_URL": "", "REDIS_URL": ""}
        product = Product(environment, Path(name) / "commands.log")
        product.run("up", "--detach")
        try:
            # A copied log must not be signed until somebody confirms that it is the only copy.
            product.run("api", "POST", "/operator/log/accept-head", "--field", "reason=A copy for pictures.")
            yield f"http://127.0.0.1:{port}/", *_prepare(environment)
        finally:
            product.run("down")


def _prepare(environment: dict[str, str]) -> tuple[dict[str, str], dict[str, object]]:
    """Sign a user in, and reopen some cases for her."""
    config = load_config(environment)
    servers = {"DATABASE_URL": addresses.database_url(config), "REDIS_URL": addresses.broker_url(config)}
    os.environ.update(environment | servers, DJANGO_SETTINGS_MODULE="desk.settings")

    django.setup()
    from django import test

    from registry import models

    owner = models.Owner.objects.get(name=OWNER)
    person = models.User.objects.create_superuser(PERSON, PERSON)
    models.Membership.objects.create(user=person, owner=owner, role="owner")
    client = test.Client()
    client.force_login(person)
    cookie = {"name": settings.SESSION_COOKIE_NAME, "value": client.cookies[settings.SESSION_COOKIE_NAME].value}
    return cookie, {"owner": owner.slug, **_prepared_cases(owner)}


def _prepared_cases(owner: "models.Owner") -> dict[str, object]:
    """Reopen most decided cases, and add notices to the others. Returns the values for page paths."""
    from registry.cases import decisions
    from registry.notices import notices

    confirmed = list(owner.cases.filter(decision="confirmed").select_related("work").order_by("number"))
    reopened, decided = confirmed[:UNDECIDED], confirmed[UNDECIDED:]
    first = decided[-1]
    other_numbers = [case.number for case in decided if case.party == first.party and case != first]
    sent = notices.create_draft(owner, [first.number], "dsa", "en", by=PERSON)
    _write_notice(sent, "Harbour Hosting", "abuse@hosting.example", "what a registry said of the network")
    draft = notices.create_draft(owner, other_numbers[:NOTICED], "dmca", "en", by=PERSON)
    _write_notice(draft, "Harbour Hosting", "", "")
    for case in reopened:
        decisions.reopen(case, by=PERSON, reason="Shown undecided in the documentation.")
    _answered(sent)
    return {"case": reopened[0].number, "party": first.party, "notice": draft.number}


def _write_notice(row: "models.Notice", to: str, mail: str, source: str) -> None:
    from registry.notices import notices

    values = {
        "addressee_name": to,
        "addressee_email": mail,
        "addressee_source": source,
        "sender_name": "Ann Studio",
        "sender_capacity": "owner",
        "sender_email": PERSON,
    }
    notices.save_fields(row, values, values)


def _answered(sent: "models.Notice") -> None:
    """Record that a notice was sent three months ago, and answered."""
    from registry.db import rows
    from registry.notices import notices

    when = now() - timedelta(days=NOTICE_SENT_DAYS_AGO)
    rows.write(sent, state="sent", created_at=when, signed_at=when, signed_by=PERSON, sent_at=when)
    notices.record_outcome(sent, "answered", when.date() + timedelta(days=6), "They ask for a licence.", by=PERSON)


def _page(browser: Browser, address: str, cookie: dict[str, str], size: tuple[int, int]) -> Page:
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, locale="en-GB", timezone_id="Europe/Berlin"
    )
    context.add_cookies([{"name": cookie["name"], "value": cookie["value"], "url": address}])
    return context.new_page()


def _save(screenshot: bytes, path: Path) -> None:
    """Save a screenshot as WebP, a quarter of the size of PNG."""
    with Image.open(io.BytesIO(screenshot)) as picture:
        picture.convert("RGB").save(path, "WEBP", quality=QUALITY, method=6)


if __name__ == "__main__":
    sys.exit(main())
