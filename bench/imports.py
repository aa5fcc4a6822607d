"""``python -m bench.imports``: how long a running product takes to register uploaded works while it crawls.

The product runs as `exhibit up` starts it and crawls a site on this machine without a pause. Some of the uploaded works
are shown on that site, so that matches, visits for evidence, and searches of the past compete with the registration.
Into a data folder of its own: ``EXHIBIT_DATA=var/bench-imports python -m bench.imports``.
"""

import argparse
import io
import multiprocessing
import os
import random
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from PIL import Image

from bench.desk import SCENES, SETTINGS, crawl_beside
from bench.seed import OWNER, PERSON
from bench.uploads import PORTION
from demo.pictures import textured
from registry.configuration import load_config

SIZE = (1632, 1224)
"""Pixels of a work: 2 megapixels."""
LEAST_SHARE = 0.5
"""The smallest part of each side of a photo that a crop shows."""
SECONDS_BETWEEN_LOOKS = 5.0
SECONDS_BETWEEN_LINES = 30.0


def picture(photos: list[Path], number: int) -> bytes:
    """The JPEG of one work: a crop of a photo, or a generated picture where there are no photos."""
    chance = random.Random(number)
    if photos:
        with Image.open(photos[number % len(photos)]) as opened:
            width, height = opened.size
            share = chance.uniform(LEAST_SHARE, 1)
            left, top = (chance.uniform(0, (1 - share) * side) for side in (width, height))
            box = (left, top, left + share * width, top + share * height)
            made = opened.convert("RGB").resize(SIZE, Image.Resampling.BICUBIC, box)
    else:
        made = textured(SCENES + number, SIZE)
    out = io.BytesIO()
    made.save(out, format="JPEG", quality=88)
    return out.getvalue()


def shown_picture(number: int) -> bytes:
    """The JPEG of a work that the crawled site shows."""
    out = io.BytesIO()
    textured(number, (1024, 768)).save(out, format="JPEG", quality=90)
    return out.getvalue()


def portions(pictures: Iterator[bytes]) -> Iterator[list[tuple[str, bytes]]]:
    """The named files of each request of an upload; those that the site shows come first."""
    files = [(f"shown/{number}.jpg", shown_picture(number)) for number in range(SCENES)]
    for number, data in enumerate(pictures):
        files.append((f"shoot/{number:05}.jpg", data))
        if len(files) >= PORTION:
            yield files
            files = []
    if files:
        yield files


def measure(works: int, photos: list[Path], most_minutes: float) -> bool:
    """Upload pictures to the running product, print the progress, and return True if all were registered in time."""
    from django.core.files.uploadedfile import SimpleUploadedFile
    from django.test import Client
    from django.urls import reverse

    from registry.models import Owner, Upload, User
    from registry.works.uploads import progress_of

    owner, _ = Owner.objects.get_or_create(slug=OWNER, defaults={"name": "Bench"})
    person, made = User.objects.get_or_create(username=PERSON, defaults={"email": PERSON})
    if made:
        person.memberships.create(owner=owner, role="owner")
    data = load_config().data_dir
    settings = {name: value for name, value in SETTINGS.items() if name != "EXHIBIT_CAPTURE_BROWSER"}
    with multiprocessing.Pool(2) as pool:
        pictures = pool.map(partial(picture, photos), range(works), chunksize=8)
    with crawl_beside(data, settings) as given:
        client = Client(SERVER_NAME="localhost", headers={"Accept": "application/json"})
        client.force_login(person)
        fetched, begun = given(), time.monotonic()
        to = client.post(reverse("add-works", args=[OWNER]), {"announced": str(works + SCENES)}).json()
        for files in portions(iter(pictures)):
            client.post(to["files"], {"files": [SimpleUploadedFile(name, body) for name, body in files]})
        client.post(to["close"], {})
        print(f"sent after {time.monotonic() - begun:.0f} s", flush=True)
        row, told = Upload.objects.filter(owner=owner).order_by("-number")[0], 0.0
        while not (far := progress_of([row])[row.pk]).done and time.monotonic() - begun < most_minutes * 60:
            if time.monotonic() - told > SECONDS_BETWEEN_LINES:
                told = time.monotonic()
                load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
                print(f"{told - begun:6.0f} s: {far.settled:,} of {far.announced:,}, load {load}", flush=True)
            time.sleep(SECONDS_BETWEEN_LOOKS)
        seconds = time.monotonic() - begun
        crawled = given() - fetched
    print(f"{far.registered:,} registered, {far.known:,} known, {far.refused:,} refused, {far.waiting:,} waiting")
    print(f"after {seconds:.0f} s, {seconds / max(far.settled, 1):.2f} s each; a crawl fetched {crawled:,} pictures")
    return far.done


def main() -> int:
    """Measure; return 1 if works were still waiting at the end."""
    parser = argparse.ArgumentParser(prog="python -m bench.imports", description=__doc__)
    parser.add_argument("--works", type=int, default=2_000, help="how many pictures of 2 megapixels are uploaded")
    parser.add_argument("--photos", type=Path, help="folder of JPEG files of which they are crops")
    parser.add_argument("--minutes", type=float, default=15, help="after so many minutes it ends")
    options = parser.parse_args()
    from workers.servers.keeper import ensure_servers

    with ensure_servers(load_config()):
        from workers.database.schema import migrate

        migrate()
        photos = sorted(options.photos.glob("*.jpg")) if options.photos else []
        return int(not measure(options.works, photos, options.minutes))


if __name__ == "__main__":
    sys.exit(main())
