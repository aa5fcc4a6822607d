"""Ways to say how a deceiver changes a sealed and witnessed bundle, for the tables of inventions."""

# ruff: noqa: ANN401, E501 - any JSON; a way a line
# fmt: off

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from evidence.formats.codec import from_plain, to_plain
from evidence.log.proofs import SightingRecord, SliceTree, record_leaf
from exhibit.clock import now, parse_rfc3339, rfc3339
from exhibit.digests import Digest
from exhibit.entries import EntryType, canonical
from tests.assets.bundles import CAPTURED, PAGE, Scene, logged
from tests.assets.changes import Files
from tests.assets.corpus.deceit import Invention, put
from tests.assets.judged import IMAGE, answered
from tests.assets.resealing import Facts
from tests.assets.stamp_forge import Shape, tlv

Kinds = dict[str, tuple[Invention, str]]
NETWORK, MOMENT, LATE, HEX = CAPTURED[1], "2026-01-10T10:00:00.000000Z", "2100-01-01T00:00:00.000000Z", "ab" * 32
S, W, M, V = "sightings.0.", "work.", "matches.0.", "matches.0.verification."
C, P, R, L = "sightings.0.captures.0.", "work.pictures.0.", "work.registration.", "sightings.0.slice."


def puts(*pairs: Any) -> Callable[[Any], None]:
    """Sets values by their places, given one behind the other."""
    def edit(plain: Any) -> None:
        for place, value in zip(pairs[::2], pairs[1::2], strict=True):
            put(plain, place, value)
    return edit


def fact(*pairs: Any) -> Invention:
    """The facts say otherwise."""
    return Invention(facts=lambda facts, _files, _scene: puts(*pairs)(facts))


def stated(*pairs: Any) -> Invention:
    """The manifest says otherwise."""
    return Invention(manifest=puts(*pairs))


def both(facts: tuple[Any, ...], manifest: tuple[Any, ...]) -> Invention:
    """Facts and manifest agree in saying otherwise."""
    return replace(fact(*facts), manifest=puts(*manifest))


def inside(file: str, *pairs: Any) -> Invention:
    """A file of JSON beside the facts says otherwise; it is sealed so."""
    def lie(_facts: Facts, files: Files, _scene: Scene) -> None:
        plain = json.loads(files[file])
        puts(*pairs)(plain)
        files[file] = canonical(plain)
    return Invention(facts=lie)


def kept(file: str, data: bytes | None) -> Invention:
    """A sealed file holds other bytes, or isn't there."""
    return Invention(facts=lambda _facts, files, _scene: files.pop(file) if data is None else files.update({file: data}))


def proof(file: str, *pairs: Any) -> Invention:
    """A proof says otherwise."""
    def change(files: Files) -> None:
        plain = json.loads(files[file])
        puts(*pairs)(plain)
        files[file] = canonical(plain)
    return Invention(proofs=change)


def raw(file: str, change: Callable[[bytes], bytes] | bytes | None, *, fit: bool = True) -> Invention:
    """A file beside the sealed ones has other bytes, or isn't there; the bag is made to fit or not."""
    def edit(files: Files) -> None:
        if change is None:
            del files[file]
        else:
            files[file] = change if isinstance(change, bytes) else change(files.get(file, b""))
    return Invention(proofs=edit) if fit else Invention(bag=edit)


def bag(file: str, change: Callable[[bytes], bytes] | bytes | None) -> Invention:
    """A file of the bag is written otherwise."""
    return raw(file, change, fit=False)


def swap(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    """Other bytes for some, once."""
    return lambda data: data.replace(old, new, 1)


def trusting(*pairs: Any) -> Invention:
    """Somebody trusts otherwise."""
    return Invention(trust=puts(*pairs))


def relogged(place: str, *pairs: Any, time: str | None = None, kind: EntryType | None = None) -> Invention:
    """The pinned log itself commits to another opening."""
    def lie(facts: Facts, _files: Files, scene: Scene) -> None:
        target: Any = facts
        for step in place.split("."):
            target = target[int(step) if isinstance(target, list) else step]
        opening = dict(target["opening"])
        puts(*pairs)(opening)
        at = parse_rfc3339(time or target["time"])
        target.update(to_plain(logged(scene.log, kind or EntryType(target["type"]), opening, at)))
    return Invention(facts=lie)


def recorded(*pairs: Any, facts: tuple[Any, ...] = (), count: int = 3) -> Invention:
    """The pinned log holds a slice in which the crawl recorded something else."""
    def lie(plain: Facts, _files: Files, scene: Scene) -> None:
        record = plain["sightings"][0]["slice"]["record"]
        puts(*pairs)(record)
        held = from_plain(SightingRecord, record, where="record")
        tree = SliceTree([record_leaf(replace(held, image_url=f"https://x.example/{place}")) for place in range(count - 1)] + [record_leaf(held)])
        entry = logged(scene.log, EntryType.SLICE, tree.opening({"crawl": "9"}))
        plain["sightings"][0]["slice"] = to_plain(tree.prove(count - 1, held, entry))
        puts(*facts)(plain)
    return Invention(facts=lie)


def served(pack: Callable[[bytes], bytes], coding: str = "gzip") -> Invention:
    """The record holds the image packed in some way."""
    def lie(facts: Facts, files: Files, _scene: Scene) -> None:
        bodies = (("/", pack(PAGE)), ("/field.jpg", pack(files[IMAGE])))
        answered(*bodies, head=f"Content-Encoding: {coding}\r\n")(facts, files)
    return Invention(facts=lie)


def shown(picture: bytes) -> Invention:
    """The picture seen has these bytes, and all that is sealed of it fits them."""
    def lie(facts: Facts, files: Files, _scene: Scene) -> None:
        [sighting], [match] = facts["sightings"], facts["matches"]
        files[sighting["picture"]["file"]] = picture
        match["picture"] = sighting["picture"]["digest"] = Digest.of(picture).hex
        sighting["picture"]["size"] = len(picture)
        sighting.update(slice=None, captures=[])
        del files["data/sightings/01/slice.json"]
    return Invention(facts=lie)


def moved(hours: float) -> Callable[[str], str]:
    """A time so much later."""
    return lambda text: rfc3339(parse_rfc3339(text) + timedelta(hours=hours))


def stamped(**shape: Any) -> Invention:
    """The deceiver's authority stamps otherwise."""
    return Invention(shape=Shape(**shape))


def at(hours: float) -> bytes:
    """A stamp's time, so far from now."""
    return tlv(0x18, f"{now() + timedelta(hours=hours):%Y%m%d%H%M%S}Z".encode())


def twice(plain: Any) -> Any:
    """A list whose first item stands twice."""
    return [plain[0], *plain]


def renumbered(item: Any, **changes: Any) -> Any:
    """The same with other fields."""
    return {**item, **changes}
