"""``python -m bench.uploads``: thousands of files brought at once, some of them broken, as a browser sends them.

Generated pictures go through the site in portions, with a table that declares them, and one process registers them.
Into a data folder of its own: ``EXHIBIT_DATA=var/bench-uploads python -m bench.uploads``.
"""

import argparse
import io
import json
import resource
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bench.desk import percentile
from registry.configuration import load_config

if TYPE_CHECKING:
    from django.test import Client

    from registry.services.services import Services

SIZE = (160, 120)
"""Pixels of a picture: small, so that what is measured is the way of many files and not the decoding of large ones."""

PORTION = 40
"""Files of one request, as the script of the page sends them."""

BROKEN = (
    lambda data: data[: len(data) // 2],
    lambda data: b"<!doctype html><title>No picture</title>" + data[:9],
    lambda _data: b"",
    lambda data: b"\xff\xd8\xff" + data[3:200] * 3,
    lambda data: b"GIF89a" + data[:50],
)
"""What becomes of a picture's bytes."""


def files(count: int, broken: int) -> Iterator[tuple[str, bytes]]:
    """Names and bytes; the broken ones are spread evenly."""
    from demo.pictures import textured

    spoiled = {count * place // broken: BROKEN[place % len(BROKEN)] for place in range(broken)}
    for number in range(count):
        out = io.BytesIO()
        textured(number, SIZE).save(out, format="JPEG", quality=85)
        spoil = spoiled.get(number)
        data = out.getvalue()
        yield f"shoot/{number // 1000:02}/img_{number:05}.jpg", data if spoil is None else spoil(data)


def table(count: int) -> bytes:
    """A line for each file."""
    lines = (f"img_{number:05}.jpg,Picture {number},Photographer {number % 20},2024-05\n" for number in range(count))
    return "".join(("file,title,author,first_publication\n", *lines)).encode()


def send(client: "Client", slug: str, count: int, broken: int) -> tuple[int, float, list[float]]:
    """Send everything; returns the upload's number, the seconds of its beginning, and those of each portion."""
    from django.core.files.uploadedfile import SimpleUploadedFile
    from django.urls import reverse

    def post(address: str, given: dict[str, Any]) -> tuple[dict[str, str], float]:
        begun = time.perf_counter()
        answer = client.post(address, given, headers={"Accept": "application/json"})
        taken = time.perf_counter() - begun
        if answer.status_code != 200:
            sys.exit(f"{address}: {answer.status_code} {answer.content[:300]!r}")
        return answer.json(), taken

    given = {"announced": str(count), "table": SimpleUploadedFile("works.csv", table(count))}
    to, beginning = post(reverse("add-works", args=[slug]), given)
    portions: list[float] = []
    waiting: list[tuple[str, bytes]] = []

    def portion() -> None:
        sent = [SimpleUploadedFile("file", data) for _name, data in waiting]
        names = json.dumps([name for name, _data in waiting])
        portions.append(post(to["files"], {"files": sent, "names": names})[1])
        waiting.clear()

    for one in files(count, broken):
        waiting.append(one)
        if len(waiting) == PORTION:
            portion()
    if waiting:
        portion()
    post(to["close"], {})
    return int(to["page"].rstrip("/").rpartition("/")[2]), beginning, portions


def register(services: "Services") -> Iterator[tuple[int, float]]:
    """Register what waits in one process; yields how many are done and the seconds so far."""
    from registry import jobs
    from registry.db import steps
    from registry.models import UploadFile
    from registry.works.register import import_uploads

    begun, done = time.perf_counter(), 0
    while ids := steps.due_ids(UploadFile, services.stale_after, jobs.register.batch):
        import_uploads(services, ids)
        done += len(ids)
        if done % 1000 < len(ids):
            yield done, time.perf_counter() - begun
    yield done, time.perf_counter() - begun


def look(client: "Client", slug: str, number: int) -> Iterator[tuple[str, float]]:
    """Seconds that the pages about the upload take afterwards."""
    from django.urls import reverse

    for name, where in (
        ("upload", [slug, number]), ("upload-progress", [slug, number]), ("upload-received", [slug, number]),
        ("upload-results", [slug, number]), ("uploads", [slug]), ("works", [slug]),
    ):  # fmt: skip
        begun = time.perf_counter()
        answer = client.get(reverse(name, args=where))
        size = len(answer.getvalue())
        yield f"{name} ({size / 1000:,.0f} kB)", time.perf_counter() - begun


def peak() -> float:
    """The most memory that this process has had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> int:
    """Bring the files and tell what it took; 1 when the results aren't those that were to come."""
    parser = argparse.ArgumentParser(prog="python -m bench.uploads", description=__doc__)
    parser.add_argument("--files", type=int, default=10_000, help="how many files are brought")
    parser.add_argument("--broken", type=int, default=30, help="how many of them are broken")
    options = parser.parse_args()
    from workers.servers.keeper import ensure_servers

    with ensure_servers(load_config()):
        from workers.database.schema import migrate

        migrate()
        from django.test import Client

        from registry.models import Owner, Upload, User
        from registry.services.services import Services
        from registry.works.uploads import progress_of

        owner = Owner.objects.create(slug=f"bench-{Owner.objects.count()}", name="Bench")
        person = User.objects.create_user(f"{owner.slug}@example.org", f"{owner.slug}@example.org")
        person.memberships.create(owner=owner, role="owner")
        client = Client(SERVER_NAME="localhost")
        client.force_login(person)
        number, beginning, portions = send(client, owner.slug, options.files, options.broken)
        print(f"table of {options.files:,} lines: {beginning:.1f} s")
        middle, late = (percentile(portions, share) * 1000 for share in (0.5, 0.95))
        print(f"{len(portions)} portions: {sum(portions):.1f} s, median {middle:.0f} ms, 95th percentile {late:.0f} ms")
        print(f"memory until here: {peak():,.0f} MiB", flush=True)
        services = Services(load_config())
        for done, seconds in register(services):
            print(f"{done:>7,} worked off after {seconds:7.1f} s ({seconds / done * 1000:.0f} ms each)", flush=True)
        print(f"memory: {peak():,.0f} MiB")
        for name, seconds in look(client, owner.slug, number):
            print(f"{name:<36} {seconds * 1000:>7.0f} ms")
        row = Upload.objects.get(owner=owner, number=number)
        far = progress_of([row])[row.pk]
        print(f"{far.registered:,} registered, {far.refused:,} refused, {far.known:,} known, {far.waiting:,} waiting")
    return int((far.registered, far.refused, far.done) != (options.files - options.broken, options.broken, True))


if __name__ == "__main__":
    sys.exit(main())
