"""Test that the feed of PDQ hashes contains only works whose owners agreed, is readable elsewhere, and is signed."""

import hashlib
import io
import re
import sys
from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import pdqhash
import pytest
from django.test import Client
from PIL import Image

from evidence.keys.ed25519 import KeySigner, is_valid_signature
from evidence.log.notes import decode_strict_base64, parse_verifier_key, sign_text
from exhibit.clock import format_rfc3339, now
from exhibit.errors import ExhibitError, IntegrityError, RefusedError, ServiceMissingError
from indexer.picture.features import extract
from indexer.search.fingerprint_file import StatedPicture
from registry.alliance import pdq_feed
from registry.alliance.pdq_feed import (
    MAX_FEED,
    build_feed,
    compute_pdq,
    find_near_matches,
    publish_hashes,
    read_feed,
    withdraw_hashes,
)
from registry.crawls.sightings import list_public_pictures
from registry.log.local_log import get_log
from registry.models import LogOpening, Partner, Picture
from registry.services.services import Services
from registry.works.fingerprint_registration import register_stated_picture
from registry.works.public_works import publish_work
from registry.works.registration import remove_work
from tests.assets.partners import new_signer, partner_of
from tests.assets.rows import claim_new_slice, encode_jpeg, owner, photograph, recompress, record_sightings, register
from tests.assets.site import Answer, Site
from tests.assets.site_browser import use_services
from workers.tasks.sync_runner import SyncRunner

pytestmark = pytest.mark.django_db
PDQ_HASH_PATTERN = re.compile("^[0-9a-f]{64}$")
"""Format of a PDQ hash as validated by ThreatExchange's library (``PdqSignal.validate_signal_str``)."""


def test_feed_lists_only_published_available_works(inline: SyncRunner) -> None:
    services, studio = inline.services, owner("studio")
    work = register(services, studio, photograph(1)).work
    other = register(services, studio, photograph(2)).work
    assert build_feed(services)["feed.csv"] == "hash,quality,page\n"
    publish_work(services, work, contact="", by="Ann")
    assert build_feed(services)["feed.txt"] == ""
    publish_hashes(services, work, by="Ann")
    publish_hashes(services, other, by="Ann")
    assert len(build_feed(services)["feed.csv"].splitlines()) == 3
    withdraw_hashes(other, by="Ann")
    (_, line) = build_feed(services)["feed.csv"].splitlines()
    code, quality, page = line.split(",")
    assert PDQ_HASH_PATTERN.match(code)
    assert 50 <= int(quality) <= 100
    work.refresh_from_db()
    assert page.endswith(f"/id/{work.public_name}/")
    assert build_feed(services)["feed.txt"] == f"pdq {code}\n"  # the line format that the library's exchange reads
    logged = [entry.content for entry in LogOpening.objects.order_by("pk") if "pdq_feed" in entry.content]
    assert [(entry["work"], entry["pdq_feed"]) for entry in logged] == [(1, True), (2, True), (2, False)]
    Picture.objects.filter(work_pictures__work=work).update(bytes_state="purged")
    assert build_feed(services)["feed.txt"] == ""
    Picture.objects.update(bytes_state="stored")
    assert build_feed(services)["feed.txt"]
    remove_work(work, by="Ann")
    assert build_feed(services)["feed.txt"] == ""


def test_pdq_hash_matches_reference_implementation(inline: SyncRunner) -> None:
    code, quality = compute_pdq(photograph(1), inline.services.limits)
    bits, same = pdqhash.compute(np.asarray(Image.open(io.BytesIO(photograph(1))).convert("RGB")))
    assert (bytes.fromhex(code), quality) == (np.packbits(bits).tobytes(), same)
    copied, _ = compute_pdq(recompress(photograph(1)), inline.services.limits)
    assert (int(code, 16) ^ int(copied, 16)).bit_count() <= 31  # ThreatExchange's threshold of a match


def test_feed_note_signs_contents_and_time(inline: SyncRunner) -> None:
    services = inline.services
    publish_hashes(services, register(services, owner("studio"), photograph(1)).work, by="Ann")
    files = build_feed(services)
    body, _, tail = files["feed.note"].rpartition("\n\n")
    form, origin, _time, *entries = body.split("\n")
    assert (form, origin) == ("exhibit-pdq-feed/1", get_log(services).origin)
    fields = {line.partition(" ")[2]: line.partition(" ")[0] for line in entries}
    assert fields == {name: hashlib.sha256(files[name].encode()).hexdigest() for name in ("feed.csv", "feed.txt")}
    name, key = parse_verifier_key(get_log(services).get_verifier_key())
    dash, signer, encoded = tail.rstrip("\n").split(" ")
    raw = decode_strict_base64(encoded)
    assert (dash, signer) == ("—", name)
    assert raw is not None
    assert is_valid_signature(key, raw[4:], f"{body}\n".encode())
    assert not is_valid_signature(key, raw[4:], f"{body}\n".replace("exhibit", "Exhibit").encode())


def test_low_quality_or_unavailable_picture_is_not_published(inline: SyncRunner) -> None:
    services, studio = inline.services, owner("studio")
    plain = register(services, studio, encode_jpeg(Image.new("RGB", (320, 240), (90, 90, 90)))).work
    with pytest.raises(RefusedError, match="50"):
        publish_hashes(services, plain, by="Ann")
    data = photograph(1)
    work = register_stated_picture(
        services, studio, StatedPicture.from_features("a.jpg", len(data), extract(data))
    ).work
    with pytest.raises(RefusedError):
        publish_hashes(services, work, by="Ann")
    assert build_feed(services)["feed.txt"] == ""


def test_missing_pdq_package_is_reported_with_hint(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pdqhash", None)
    with pytest.raises(ServiceMissingError, match="pdq") as missing:
        publish_hashes(inline.services, register(inline.services, owner("studio"), photograph(1)).work, by="Ann")
    assert "runtime pdq" in str(missing.value.hint)
    assert build_feed(inline.services)["feed.txt"] == ""  # the feed itself does not need the package


def test_feed_is_public(inline: SyncRunner, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    publish_hashes(inline.services, register(inline.services, owner("studio"), photograph(1)).work, by="Ann")
    use_services(monkeypatch, inline.services)
    answers = {kind: client.get(f"/pdq/feed.{kind}") for kind in ("csv", "txt", "note")}
    assert client.get("/pdq/feed.exe").status_code == 404
    assert [answer.status_code for answer in answers.values()] == [200, 200, 200]
    assert answers["csv"].headers["Content-Type"].startswith("text/csv")
    assert answers["txt"].content.startswith(b"pdq ")
    assert answers["note"].content.startswith(b"exhibit-pdq-feed/1\n")


class Publisher:
    """A partner with its own server that can serve any feed."""

    def __init__(self, site: Site) -> None:
        self.site, self.signer = site, new_signer()
        self.row = partner_of(self.signer, url=site.url(""))

    def publish(
        self, *lines: str, at: str = "", signer: KeySigner | None = None, signed_text: str | None = None
    ) -> None:
        """Publish these hash lines; ``signed_text`` is the text over which the note is signed, if different."""
        text = "".join(f"{line}\n" for line in ("hash,quality,page", *lines))
        digest = hashlib.sha256((text if signed_text is None else signed_text).encode()).hexdigest()
        body = f"exhibit-pdq-feed/1\n{self.row.origin}\n{at or format_rfc3339(now())}\n{digest} feed.csv\n"
        self.publish_text(text.encode(), sign_text(body, self.row.origin, signer or self.signer))

    def publish_text(self, data: bytes, note: str) -> None:
        self.site.routes["/pdq/feed.csv"] = Answer(data, "text/csv")
        self.site.routes["/pdq/feed.note"] = Answer(note.encode(), "text/plain")


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    with Site() as site:
        yield Publisher(site)


def format_row(services: Services, data: bytes, page: str = "") -> str:
    code, quality = compute_pdq(data, services.limits)
    return f"{code},{quality},{page}"


def add_seen_pictures(services: Services, *pictures: bytes, private: bool = False) -> None:
    to, epoch = claim_new_slice(owner(f"seer{private}".lower()), f"watch{private}".lower(), private=private)
    record_sightings(services, to, epoch, list(pictures))


def get_refusal(services: Services, partner: Partner) -> ExhibitError:
    with pytest.raises(ExhibitError) as error_info:
        read_feed(services, partner)
    return error_info.value


HASH = "0123456789abcdef" * 4
LONG_ROW = f"{HASH},50,https://b.example/{'x' * 401}"
INVALID_ROWS = ["", HASH, f"{HASH},49,", f"{HASH},101,", f"{HASH[1:]},60,", f"{HASH.upper()},60,", LONG_ROW]
INVALID_ROWS += [
    f"{HASH},60,javascript:alert(1)",
    f"{HASH},60,https://b.example/\x1b[2J",
    f"{HASH},60,https://é.example",
]


def test_similar_seen_pictures_are_matched_and_logged(inline: SyncRunner, publisher: Publisher) -> None:
    services, page = inline.services, "https://b.example/id/abc/"
    flat = encode_jpeg(Image.new("RGB", (320, 240), (90, 90, 90)))
    add_seen_pictures(services, recompress(photograph(1)), private=True)
    add_seen_pictures(services, recompress(photograph(1)), photograph(2), flat, b"no picture")
    publisher.publish(format_row(services, photograph(3)), format_row(services, photograph(1), page))
    partner_feed = read_feed(services, publisher.row)
    matches, comparisons = find_near_matches(services, partner_feed, list_public_pictures().order_by("pk"))
    ((bits, feed_entry, where),) = matches
    assert (feed_entry, where.picture.digest, comparisons) == (page, extract(recompress(photograph(1))).digest, 2)
    assert (0 < bits <= 31, where.private_to) == (True, None)
    logged = dict(LogOpening.objects.get(content__what="feed of a partner read").details or {})
    assert logged.pop("salt")
    assert logged == {
        "by": "",
        "partner": "b",
        "log": publisher.row.log_key,
        "feed": format_rfc3339(partner_feed.at),
        "hashes": 2,
    }


def test_matches_within_31_bits_are_sorted_by_distance(inline: SyncRunner, publisher: Publisher) -> None:
    services = inline.services
    add_seen_pictures(services, photograph(1), photograph(2))
    for bits, number in ((32, 0), (31, 1), (5, 1)):
        far = int(compute_pdq(photograph(1), services.limits)[0], 16) ^ ((1 << bits) - 1)
        publisher.publish(f"{far:064x},60,", format_row(services, photograph(2)))
        matches, _ = find_near_matches(services, read_feed(services, publisher.row), list_public_pictures())
        assert [bits for bits, *_ in matches] == [0, bits][: number + 1]


def test_private_reported_or_removed_pictures_are_not_compared(inline: SyncRunner, publisher: Publisher) -> None:
    services = inline.services
    add_seen_pictures(services, photograph(1), private=True)
    assert not list_public_pictures().exists()
    add_seen_pictures(services, photograph(2))
    publisher.publish()
    assert find_near_matches(services, read_feed(services, publisher.row), list_public_pictures()) == ([], 1)
    services.blobs.remove(Picture.objects.latest("pk").digest)
    assert find_near_matches(services, read_feed(services, publisher.row), list_public_pictures()) == ([], 0)


def test_feed_must_be_signed_by_partner_key(inline: SyncRunner, publisher: Publisher) -> None:
    services, other = inline.services, new_signer()
    publisher.publish(f"{HASH},60,", signer=other)
    assert isinstance(get_refusal(services, publisher.row), IntegrityError)
    publisher.publish(f"{HASH},60,", signed_text="another text")
    assert isinstance(get_refusal(services, publisher.row), IntegrityError)
    publisher.publish(f"{HASH},60,")
    assert len(read_feed(services, publisher.row).pages) == 1
    note = publisher.site.routes["/pdq/feed.note"]
    assert isinstance(note, Answer)
    text = note.body.decode()
    data = f"hash,quality,page\n{HASH},60,\n".encode()
    for broken in (
        text.replace("exhibit-pdq", "exhibit-PDQ"),
        text.rpartition("\n\n")[0],
        "",
        "\ufffd",
        "— b —\n\n— b",
    ):
        publisher.publish_text(data, broken)
        assert "is not signed" in str(get_refusal(services, publisher.row))
    origin = publisher.row.origin
    for body in ("x\n", f"exhibit-pdq-feed/2\n{origin}\n", "exhibit-pdq-feed/1\nc.example/log\n"):
        publisher.publish_text(data, sign_text(body, origin, publisher.signer))  # the key also signs checkpoints
        assert "is not signed" in str(get_refusal(services, publisher.row))


def test_outdated_or_future_feed_is_rejected(inline: SyncRunner, publisher: Publisher) -> None:
    services = inline.services
    ago = [format_rfc3339(now() - timedelta(days=days)) for days in (3, 2, 1)]
    for at in (ago[1], ago[1], ago[2]):
        publisher.publish(at=at)
        read_feed(services, publisher.row)
    for at in (ago[1], ago[0]):
        publisher.publish(at=at)
        assert ago[2] in str(get_refusal(services, publisher.row))
    publisher.publish(at=format_rfc3339(now() + timedelta(minutes=6)))
    assert isinstance(get_refusal(services, publisher.row), RefusedError)
    publisher.publish(at="yesterday")
    assert isinstance(get_refusal(services, publisher.row), RefusedError)
    with Site() as site:  # no feed of this partner has been read before
        second_publisher = Publisher.__new__(Publisher)
        second_publisher.site, second_publisher.signer = site, new_signer()
        second_publisher.row = partner_of(second_publisher.signer, "c", site.url(""))
        second_publisher.publish(at=ago[0])
        assert read_feed(services, second_publisher.row).pages == []


@pytest.mark.parametrize("line", INVALID_ROWS)
def test_feed_with_invalid_row_is_rejected(inline: SyncRunner, publisher: Publisher, line: str) -> None:
    publisher.publish(f"{HASH},100,https://b.example/id/a/", line)
    message = get_refusal(inline.services, publisher.row)
    assert isinstance(message, RefusedError)
    assert message.hint


def test_oversized_feed_is_rejected(inline: SyncRunner, publisher: Publisher, monkeypatch: pytest.MonkeyPatch) -> None:
    services = inline.services
    monkeypatch.setattr(pdq_feed, "MAX_HASHES", 3)
    publisher.publish(*[f"{HASH},60,"] * 3)
    assert len(read_feed(services, publisher.row).pages) == 3
    publisher.publish(*[f"{HASH},60,"] * 4)
    assert re.search(r"\b3\b", str(get_refusal(services, publisher.row)))
    publisher.site.routes["/pdq/feed.csv"] = Answer(b"x" * (MAX_FEED + 1), "text/csv")
    assert "16,777,216" in str(get_refusal(services, publisher.row))
    publisher.site.routes["/pdq/feed.note"] = Answer(b"x" * 70_000, "text/plain")
    assert "65,536" in str(get_refusal(services, publisher.row))


def test_unreachable_or_redirecting_partner_is_reported(inline: SyncRunner, publisher: Publisher) -> None:
    services = inline.services
    assert isinstance(get_refusal(services, publisher.row), ServiceMissingError)  # 404
    publisher.publish()
    moved = publisher.site.routes["/pdq/feed.note"]
    publisher.site.routes["/elsewhere"] = moved
    publisher.site.routes["/pdq/feed.note"] = Answer(status=302, headers=(("Location", "/elsewhere"),))
    assert "is not signed" in str(get_refusal(services, publisher.row))
    assert not any(request.path == "/elsewhere" for request in publisher.site.requests)
    dead = partner_of(new_signer(), "dead")
    error = get_refusal(services, dead)
    assert isinstance(error, ServiceMissingError)
    assert "http://127.0.0.1:9/pdq/feed.note" in str(error)


def test_feed_changed_during_read_is_fetched_again(inline: SyncRunner, publisher: Publisher) -> None:
    publisher.publish(f"{HASH},60,")
    whole = publisher.site.routes["/pdq/feed.csv"]
    assert isinstance(whole, Answer)
    answers = iter([Answer(b"hash,quality,page\n", "text/csv"), whole])
    publisher.site.routes["/pdq/feed.csv"] = lambda _request: next(answers)
    assert len(read_feed(inline.services, publisher.row).pages) == 1


def test_feed_of_this_installation_is_readable_by_partner(inline: SyncRunner, publisher: Publisher) -> None:
    services = inline.services
    publish_hashes(services, register(services, owner("studio"), photograph(1)).work, by="Ann")
    files = build_feed(services)
    Partner.objects.update(log_key=get_log(services).get_verifier_key())
    publisher.row.refresh_from_db()
    publisher.publish_text(files["feed.csv"].encode(), files["feed.note"])
    assert len(read_feed(services, publisher.row).hashes) == 1
