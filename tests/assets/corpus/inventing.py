"""Functions that describe how a forger changes a sealed and timestamped bundle, for the tables of inventions."""

# ruff: noqa: ANN401, E501 - any JSON; a way a line
# fmt: off

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from evidence.formats.codec import from_plain, to_plain
from evidence.log.proofs import SightingRecord, SliceTree, compute_record_leaf
from exhibit.clock import format_rfc3339, now, parse_rfc3339
from exhibit.digests import Digest
from exhibit.entries import EntryType, encode_canonical
from tests.assets.bundle_changes import Files
from tests.assets.bundles import CAPTURED, PAGE, Scene, append_entry
from tests.assets.corpus.deceit import Invention, set_value
from tests.assets.forged_evidence import IMAGE, replace_responses
from tests.assets.resealing import Facts
from tests.assets.timestamp_forge import Shape, tlv

Kinds = dict[str, tuple[Invention, str]]
NETWORK, MOMENT, LATE, HEX = CAPTURED[1], "2026-01-10T10:00:00.000000Z", "2100-01-01T00:00:00.000000Z", "ab" * 32
S, W, M, V = "sightings.0.", "work.", "matches.0.", "matches.0.verification."
C, P, R, L = "sightings.0.captures.0.", "work.pictures.0.", "work.registration.", "sightings.0.slice."


def set_values(*pairs: Any) -> Callable[[Any], None]:
    """Return a function that sets values in JSON, from alternating paths and values."""
    def edit(plain: Any) -> None:
        for place, value in zip(pairs[::2], pairs[1::2], strict=True):
            set_value(plain, place, value)
    return edit


def change_facts(*pairs: Any) -> Invention:
    """Change the facts."""
    return Invention(facts=lambda facts, _files, _scene: set_values(*pairs)(facts))


def change_manifest(*pairs: Any) -> Invention:
    """Change the manifest."""
    return Invention(manifest=set_values(*pairs))


def change_both(facts: tuple[Any, ...], manifest: tuple[Any, ...]) -> Invention:
    """Change facts and manifest consistently."""
    return replace(change_facts(*facts), manifest=set_values(*manifest))


def change_json_file(file: str, *pairs: Any) -> Invention:
    """Change a JSON file beside the facts before sealing."""
    def lie(_facts: Facts, files: Files, _scene: Scene) -> None:
        plain = json.loads(files[file])
        set_values(*pairs)(plain)
        files[file] = encode_canonical(plain)
    return Invention(facts=lie)


def replace_file(file: str, data: bytes | None) -> Invention:
    """Replace or remove a sealed file."""
    return Invention(facts=lambda _facts, files, _scene: files.pop(file) if data is None else files.update({file: data}))


def change_proof(file: str, *pairs: Any) -> Invention:
    """Change a JSON file of the proofs."""
    def change(files: Files) -> None:
        plain = json.loads(files[file])
        set_values(*pairs)(plain)
        files[file] = encode_canonical(plain)
    return Invention(proofs=change)


def replace_unsealed_file(file: str, change: Callable[[bytes], bytes] | bytes | None, *, fit: bool = True) -> Invention:
    """Replace or remove a file that is not sealed; ``fit`` updates the bag's lists."""
    def edit(files: Files) -> None:
        if change is None:
            del files[file]
        else:
            files[file] = change if isinstance(change, bytes) else change(files.get(file, b""))
    return Invention(proofs=edit) if fit else Invention(bag=edit)


def change_bag_file(file: str, change: Callable[[bytes], bytes] | bytes | None) -> Invention:
    """Change a file of the bag, and update nothing."""
    return replace_unsealed_file(file, change, fit=False)


def replace_bytes(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    """Return a function that replaces the first occurrence of some bytes."""
    return lambda data: data.replace(old, new, 1)


def change_trust_list(*pairs: Any) -> Invention:
    """Change the trust list."""
    return Invention(trust=set_values(*pairs))


def relog(place: str, *pairs: Any, time: str | None = None, kind: EntryType | None = None) -> Invention:
    """Make the pinned log itself commit to another opening."""
    def lie(facts: Facts, _files: Files, scene: Scene) -> None:
        target: Any = facts
        for step in place.split("."):
            target = target[int(step) if isinstance(target, list) else step]
        opening = dict(target["opening"])
        set_values(*pairs)(opening)
        at = parse_rfc3339(time or target["time"])
        target.update(to_plain(append_entry(scene.log, kind or EntryType(target["type"]), opening, at)))
    return Invention(facts=lie)


def change_record(*pairs: Any, facts: tuple[Any, ...] = (), count: int = 3) -> Invention:
    """Make the pinned log contain a slice in which the crawl recorded something else."""
    def lie(plain: Facts, _files: Files, scene: Scene) -> None:
        record = plain["sightings"][0]["slice"]["record"]
        set_values(*pairs)(record)
        sighting = from_plain(SightingRecord, record, location="record")
        tree = SliceTree([compute_record_leaf(replace(sighting, image_url=f"https://x.example/{place}")) for place in range(count - 1)] + [compute_record_leaf(sighting)])
        entry = append_entry(scene.log, EntryType.SLICE, tree.build_opening({"crawl": "9"}))
        plain["sightings"][0]["slice"] = to_plain(tree.prove(count - 1, sighting, entry))
        set_values(*facts)(plain)
    return Invention(facts=lie)


def encode_images(pack: Callable[[bytes], bytes], coding: str = "gzip") -> Invention:
    """Store the image in the record with a content encoding."""
    def lie(facts: Facts, files: Files, _scene: Scene) -> None:
        bodies = (("/", pack(PAGE)), ("/field.jpg", pack(files[IMAGE])))
        replace_responses(*bodies, head=f"Content-Encoding: {coding}\r\n")(facts, files)
    return Invention(facts=lie)


def replace_picture(picture: bytes) -> Invention:
    """Replace the sighted image by these bytes, and make everything sealed about it consistent."""
    def lie(facts: Facts, files: Files, _scene: Scene) -> None:
        [sighting], [match] = facts["sightings"], facts["matches"]
        files[sighting["picture"]["file"]] = picture
        match["picture"] = sighting["picture"]["digest"] = Digest.from_bytes(picture).hex
        sighting["picture"]["size"] = len(picture)
        sighting.update(slice=None, captures=[])
        del files["data/sightings/01/slice.json"]
    return Invention(facts=lie)


def shift_time(hours: float) -> Callable[[str], str]:
    """Return a function that moves an RFC 3339 time by some hours."""
    return lambda text: format_rfc3339(parse_rfc3339(text) + timedelta(hours=hours))


def reshape_timestamps(**shape: Any) -> Invention:
    """Give the timestamps of the forger's authority another form."""
    return Invention(shape=Shape(**shape))


def der_time(hours: float) -> bytes:
    """Return the DER time of a timestamp, some hours from now."""
    return tlv(0x18, f"{now() + timedelta(hours=hours):%Y%m%d%H%M%S}Z".encode())


def duplicate_first(plain: Any) -> Any:
    """Return a list with its first item duplicated."""
    return [plain[0], *plain]


def with_changes(item: Any, **changes: Any) -> Any:
    """Return an object with some fields changed."""
    return {**item, **changes}
