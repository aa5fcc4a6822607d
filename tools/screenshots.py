"""Pictures of the site's main pages for the documentation, in every language, of what the demonstration has left.

    make demo && make screenshots

Needs a Chromium. The demonstration's data are copied first and stay as they are.
"""

import argparse
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django
from django.conf import settings
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from demo.product import Product, free_port
from exhibit.browser.program import find_browser
from exhibit.lazy import late
from workers.configuration import load_config
from workers.servers import addresses

with late():
    from django import test

    from registry import models
    from registry.notices import notices
    from workers.cases import decisions

ROOT = Path(__file__).resolve().parents[1]
PERSON = "ann@studio.example"
LANGUAGES = {"en": "en-GB", "zh-hans": "zh-CN"}
UNDECIDED, NOTICED = 30, 3
"""Cases of the demonstration that wait for a decision in the pictures, and those that a notice is about."""
PAGES = {
    "cases": "o/{owner}/cases/",
    "case": "o/{owner}/cases/{case}/",
    "notice": "o/{owner}/notices/1/",
    "party": "o/{owner}/party/{party}",
    "works": "o/{owner}/works/",
    "work": "o/{owner}/works/{work}/",
    "spread": "o/{owner}/works/{work}/spread/",
    "add-works": "o/{owner}/works/add",
    "new-watch": "o/{owner}/watches/new",
    "operator": "operator/",
}
ON_PHONE = ("cases", "case")
WIDE, PHONE = (1280, 860), (390, 844)
QUALITY = 80


def main(arguments: list[str] | None = None) -> int:
    """Take the pictures and return an exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--demo", type=Path, default=ROOT / "demo-out", help="what `make demo` has left")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images" / "desk")
    asked = parser.parse_args(arguments)
    program, data = find_browser("").path, asked.demo / "data"
    if program is None or not data.is_dir():
        print("A Chromium and the data of the demonstration are needed: run `make demo` first.", file=sys.stderr)
        return 2
    asked.out.mkdir(parents=True, exist_ok=True)
    # the driver keeps a loop in this thread, and Django would take every query for one within it
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with _running(data) as (address, cookie, values), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for language, locale in LANGUAGES.items():
            for name, size in [*((one, WIDE) for one in PAGES), *((one, PHONE) for one in ON_PHONE)]:
                page = _page(browser, address, cookie, locale, size)
                page.goto(address + PAGES[name].format(**values), wait_until="networkidle")
                kind = "-phone" if size is PHONE else ""
                _save(page.screenshot(), asked.out / f"{name}{kind}-{language}.webp")
                page.context.close()
        browser.close()
    return 0


@contextmanager
def _running(data: Path) -> Iterator[tuple[str, dict[str, str], dict[str, object]]]:
    """A copy of the demonstration with its site up; gives its address, the cookie of a member, and what fills pages."""
    with tempfile.TemporaryDirectory(prefix="exhibit-shots-") as name:
        Path(name).chmod(0o755)
        subprocess.run(["cp", "-a", str(data), f"{name}/data"], check=True)  # keeps whose files they are
        port = str(free_port())
        given = {"EXHIBIT_DATA": f"{name}/data", "EXHIBIT_WEB_PORT": port, "DATABASE_URL": "", "REDIS_URL": ""}
        product = Product(given, Path(name) / "commands.log")
        product.run("up", "--detach")
        try:
            # a copy of the log mustn't be signed on unless somebody says that it is the only one
            product.run("log", "accept-head", "--reason", "A copy for pictures.")
            yield f"http://127.0.0.1:{port}/", *_prepared(given)
        finally:
            product.run("down")


def _prepared(given: dict[str, str]) -> tuple[dict[str, str], dict[str, object]]:
    """Let a person be signed in, and some cases wait for her."""
    config = load_config(given)
    servers = {"DATABASE_URL": addresses.database_url(config), "REDIS_URL": addresses.broker_url(config)}
    os.environ.update(given | servers, DJANGO_SETTINGS_MODULE="desk.settings")
    django.setup()
    owner = models.Owner.objects.order_by("pk")[0]
    person = models.User.objects.create_superuser(PERSON, PERSON)
    models.Membership.objects.create(user=person, owner=owner, role="owner")
    client = test.Client()
    client.force_login(person)
    cookie = {"name": settings.SESSION_COOKIE_NAME, "value": client.cookies[settings.SESSION_COOKIE_NAME].value}
    return cookie, {"owner": owner.slug, **_prepared_cases(owner)}


def _prepared_cases(owner: "models.Owner") -> dict[str, object]:
    """Begin a notice about some decided cases and open others again; returns the number, party and work of one."""
    confirmed = owner.cases.filter(decision="confirmed").order_by("number")
    first = confirmed[UNDECIDED]
    noticed = confirmed.filter(party=first.party, number__gte=first.number).values_list("number", flat=True)
    notices.draft(owner, list(noticed[:NOTICED]), "dmca", "en", by=PERSON)
    chosen = list(confirmed.select_related("work")[:UNDECIDED])
    for case in chosen:
        decisions.reopen(case, by=PERSON, reason="Shown undecided in the documentation.")
    return {"case": chosen[0].number, "party": first.party, "work": chosen[0].work.number}


def _page(browser: Browser, address: str, cookie: dict[str, str], locale: str, size: tuple[int, int]) -> Page:
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, locale=locale, timezone_id="Europe/Berlin"
    )
    context.add_cookies([{"name": cookie["name"], "value": cookie["value"], "url": address}])
    return context.new_page()


def _save(screenshot: bytes, path: Path) -> None:
    """As WebP: a quarter of a PNG's size."""
    with Image.open(io.BytesIO(screenshot)) as picture:
        picture.convert("RGB").save(path, "WEBP", quality=QUALITY, method=6)


if __name__ == "__main__":
    sys.exit(main())
