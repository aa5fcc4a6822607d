"""Rows of pictures seen, as crawls and the step that matches keep them, by the product's own functions."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.types import Fingerprint, Sighting
from indexer.picture.spaces import CENTRE, DESCRIPTOR, PHASH, PICTURE_PARTS, WHOLE

if TYPE_CHECKING:
    from registry.models import Owner

SIZE = 200_000
"""Bytes that a made picture is said to have."""
A_PAGE = 10
"""Pictures of a page."""
HOSTS = 20_000
WORDS = ("harbour", "market", "bridge", "mountain", "portrait", "winter", "river", "night", "garden", "tower")
SENT = (("user-agent", "Exhibit (+https://example.org/bot)"), ("accept", "image/avif,image/webp,image/*"))
RECEIVED = (
    ("content-type", "image/jpeg"), ("content-length", str(SIZE)), ("cache-control", "public, max-age=31536000"),
    ("last-modified", "Tue, 03 Mar 2026 08:12:44 GMT"), ("server", "nginx"), ("accept-ranges", "bytes"),
    ("date", "Tue, 24 Nov 2026 17:00:00 GMT"), ("strict-transport-security", "max-age=63072000"),
)  # fmt: skip
PARTS = ((PHASH.id, WHOLE), (DESCRIPTOR.id, WHOLE), (DESCRIPTOR.id, CENTRE))
Vectors = tuple[Iterator[NDArray[Any]], Iterator[NDArray[Any]], Iterator[NDArray[Any]]]
"""Hashes, and descriptors of the whole and the centre."""


class Rows:
    """Makes rows of pictures that nobody has the bytes of, all seen by one crawl.

    Args:
        owner: whose watch sees them.
        vectors: of the pictures.
        chance: what tells the pictures apart.
    """

    def __init__(
        self,
        owner: "Owner",
        vectors: Vectors,
        chance: np.random.Generator,
    ) -> None:
        from registry.models import Crawl, Watch

        self.made = 0
        number = owner.watches.count() + 1
        watch = Watch.objects.create(owner=owner, number=number, name="seen", sources=[], paused=True)
        self._crawl = Crawl.objects.create(watch=watch, number=1, started_at=now())
        self._vectors, self._chance = vectors, chance

    def made_up(self, count: int) -> list[Sighting]:
        """So many sightings of pictures that nobody has seen before."""
        return [self._sighting(self.made + number) for number in range(count)]

    def keep(self, seen: Sequence[Sighting]) -> None:
        """Keep sightings of one slice, and their pictures as if their step had compared them and found nothing."""
        from django.db import transaction

        from registry.crawls import crawling, sightings
        from registry.crawls.crawling import NewUrl
        from registry.db import steps
        from registry.models import CrawlSlice, FrontierUrl, Picture

        of = CrawlSlice.objects.create(crawl=self._crawl, number=self.made + 1, started_at=now())
        urls = [
            NewUrl(url=one.image_url, kind="image", depth=1, page_url=one.page_url, context=one.context) for one in seen
        ]
        with transaction.atomic():
            crawling.add_urls(of.crawl_id, urls)
        with transaction.atomic():
            pictures = sightings.keep_sightings(of, [(one, "The town in winter, a walk") for one in seen], "made")
            crawling.mark_urls(of, [one.key for one in urls], FrontierUrl.State.DONE)
        with transaction.atomic():
            self._fingerprints(pictures)
        with transaction.atomic():
            measured = {"format": "JPEG", "width": 1632, "height": 1224, "searched": "made"}
            Picture.objects.filter(pk__in=pictures).update(**measured)
            steps.finish(Picture, pictures)
        self.made += len(seen)

    def _sighting(self, number: int) -> Sighting:
        host = f"www{int(self._chance.pareto(0.7)) % HOSTS}.example.com"
        mark = f"{int(self._chance.integers(1 << 48)):012x}"
        image = f"https://images.{host}/gallery/{mark}/{number}.jpg"
        return Sighting(
            final_url=image,
            digest=Digest(self._chance.bytes(32)),
            size=SIZE,
            media_type="image/jpeg",
            status=200,
            request_headers=SENT,
            response_headers=(*RECEIVED, ("etag", f'"{mark}"')),
            peer="203.0.113.7:443",
            fetched_at=now(),
            certificate=f"valid {'ab' * 32}",
            page_url=f"https://{host}/articles/{number // A_PAGE}/{'-'.join(self._words(4))}.html",
            image_url=image,
            found_in="img",
            context=" ".join(self._words(12)),
        )

    def _words(self, count: int) -> list[str]:
        return [WORDS[place] for place in self._chance.integers(0, len(WORDS), count)]

    def _fingerprints(self, pictures: Sequence[int]) -> None:
        from registry.matches import fingerprints
        from registry.matches.fingerprints import Collection
        from registry.models import Picture

        digests = dict(Picture.objects.filter(pk__in=pictures).values_list("pk", "digest"))
        rows = [
            (picture, Fingerprint(digests[picture], space, part, vector.tobytes()))
            for (space, part), of in zip(PARTS, self._vectors, strict=True)
            for picture, vector in zip(pictures, islice(of, len(pictures)), strict=True)
        ]
        fingerprints.keep_fingerprints((PHASH, DESCRIPTOR), rows)
        fingerprints.add_to(Collection.PICTURES, pictures, PICTURE_PARTS)
