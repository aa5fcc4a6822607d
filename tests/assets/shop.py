"""A small website on loopback with copies of works among unrelated images, and a watch over it."""

from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

from desk.cli.trust import build_own_trust
from evidence.anchors.opentimestamps.kind import OpenTimestampsConfig, TrustedChain
from evidence.anchors.rfc3161.kind import Rfc3161Config, TrustedAuthority
from evidence.development.authority import run_authority
from evidence.development.chain import run_chain
from evidence.verdict.trust import Trust
from exhibit.clock import now
from exhibit.config.config import Config
from exhibit.digests import Digest
from registry.models import Owner, Watch
from registry.services.services import Services
from tests.assets.rows import photograph
from tests.assets.site import Answer, ReceivedRequest, Route, Site
from workers.tasks.sync_runner import SyncRunner

LABEL = "started for tests, without legal weight"
LOOPBACK = "127.0.0.0/8"
FAST = {"delay": 0, "autothrottle": False, "concurrency_per_host": 4}


@dataclass(slots=True)
class Shop:
    """A site whose responses have an ETag and honour conditional requests."""

    site: Site
    pages: dict[str, list[str]] = field(default_factory=dict)
    pause: Callable[[], None] | None = None

    def page(self, path: str, *images: str) -> None:
        """Add a page with these images. The first page links to all others."""
        self.pages[path] = list(images)
        for page_path in self.pages:
            self.serve(page_path, self._html(page_path).encode(), "text/html; charset=utf-8")

    def image(self, path: str, data: bytes, media_type: str = "image/jpeg") -> None:
        """Serve an image."""
        self.serve(path, data, media_type)

    def serve(self, path: str, data: bytes, media_type: str) -> None:
        """Serve bytes."""
        self.site.routes[path] = self._add_pause(_respond_conditionally(data, media_type))

    def url(self, path: str = "/") -> str:
        """Return the URL of a path."""
        return self.site.url(path)

    def _html(self, path: str) -> str:
        first = next(iter(self.pages))
        links = "".join(f'<a href="{other}">more</a>' for other in self.pages if path == first and other != path)
        return f"<title>Page {path}</title>{links}" + "".join(
            f'<img src="{image_path}">' for image_path in self.pages[path]
        )

    def _add_pause(self, route: Callable[[ReceivedRequest], Answer]) -> Route:
        def answer(request: ReceivedRequest) -> Answer:
            if self.pause is not None:
                self.pause()
            return route(request)

        return answer


def _respond_conditionally(data: bytes, media_type: str) -> Callable[[ReceivedRequest], Answer]:
    tag = f'"{sha256(data).hexdigest()[:16]}"'

    def answer(request: ReceivedRequest) -> Answer:
        if request.headers.get("if-none-match") == tag:
            return Answer(media_type="", status=304, headers=(("ETag", tag),))
        return Answer(data, media_type, headers=(("ETag", tag),))

    return answer


def create_watch(of: Owner, url: str, name: str = "shop", **budget: float | str) -> Watch:
    """Create a watch over a site that is due now."""
    return Watch.objects.create(
        owner=of,
        number=of.watches.count() + 1,
        name=name,
        sources=[{"kind": "site", "url": url}],
        politeness=FAST,
        budget=budget,
        next_run_at=now(),
    )


def run_now(watch_row: Watch) -> None:
    """Make a watch due."""
    Watch.objects.filter(pk=watch_row.pk).update(next_run_at=now())


@contextmanager
def running_timestamp_services(config: Config, folder: Path) -> Iterator[tuple[Config, Trust]]:
    """Run a development timestamp authority and chain, and yield a configuration for them with its trust list."""
    with run_authority(folder / "authority") as authority, run_chain(folder / "chain", interval=0.2) as chain:
        roots = folder / "root.pem"
        roots.write_bytes(authority.root_pem)
        anchors = (
            Rfc3161Config(kind="rfc3161", name="authority", urls=(authority.url,), roots=roots, development=True),
            OpenTimestampsConfig(
                kind="opentimestamps",
                name="calendar",
                urls=(chain.url,),
                bitcoin_source=chain.url,
                development=True,
            ),
        )
        pem = authority.root_pem.decode("ascii")
        trust = Trust(
            dated=now().date().isoformat(),
            note=LABEL,
            authorities=(TrustedAuthority("authority", (pem,), development=True, label=LABEL),),
            chains=(TrustedChain("chain", "regtest", 0.0, (), development=True, label=LABEL),),
            logs=(),
            keys=(),
        )
        yield replace(config, anchors=anchors), trust


COPY, OTHER = "/copy.jpg", "/other.jpg"
"""Paths of a copy of the first work, and of an unrelated image."""


def change_settings(inline: SyncRunner, **changes: object) -> None:
    """Change settings of an installation."""
    inline.services.config = replace(inline.services.config, **changes)  # type: ignore[arg-type]


def is_stored(inline: SyncRunner, data: bytes) -> bool:
    """Return True if these bytes are stored."""
    return Digest.from_bytes(data) in inline.services.blobs


def add_own_keys(services: Services, trust: Trust) -> Trust:
    """Add the keys of the installation's log and owners to the trust list, as a verifier learns them out of band."""
    own = build_own_trust(services, "")
    return replace(trust, logs=own.logs, keys=own.keys)


def find_files_with(services: SyncRunner, data: bytes) -> list[Path]:
    """Return the files that contain the bytes, raw or base64-encoded in a page."""
    forms = (data, b64encode(data))
    every = (path for path in services.services.config.data_dir.rglob("*") if path.is_file())
    return [path for path in every if any(form in path.read_bytes() for form in forms)]


EMBEDDED_PICTURE = photograph(60)
"""An image embedded in a page."""


def serve_embedded_picture(shop: Shop) -> None:
    """Serve a page with the copy and an embedded second image."""
    code = b64encode(EMBEDDED_PICTURE).decode()
    shop.serve("/", f'<img src="{COPY}"><img src="data:image/jpeg;base64,{code}">'.encode(), "text/html")
