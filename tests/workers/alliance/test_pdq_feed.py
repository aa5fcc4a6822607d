"""The feed of PDQ hashes: only of works whose owners want it, readable by others' programs, and signed."""

import hashlib
import io
import re
import sys

import numpy as np
import pdqhash
import pytest
from django.test import Client
from PIL import Image

from evidence.keys.ed25519 import holds
from evidence.log.notes import parse_verifier_key, strict_base64
from exhibit.errors import RefusedError, ServiceMissingError
from indexer.picture.features import extract
from indexer.search.prints import StatedPicture
from registry.models import LogOpening, Picture
from tests.assets.rows import copy_of, jpeg, owner, photograph, register
from tests.assets.site_browser import use_house
from workers.alliance.pdq_feed import feed, pdq_of, publish, withdraw
from workers.tasks.sync_runner import SyncRunner
from workers.works.opened import open_work
from workers.works.registration import remove_work
from workers.works.stated import register_stated

pytestmark = pytest.mark.django_db
SIGNAL = re.compile("^[0-9a-f]{64}$")
"""What ThreatExchange's library takes for a PDQ hash (``PdqSignal.validate_signal_str``)."""


def test_nothing_is_published_until_an_owner_wants_it_and_taken_out_when_not_any_more(inline: SyncRunner) -> None:
    services, studio = inline.services, owner("studio")
    work = register(services, studio, photograph(1)).work
    other = register(services, studio, photograph(2)).work
    assert feed(services)["feed.csv"] == "hash,quality,page\n"
    open_work(services, work, contact="", by="Ann")
    assert feed(services)["feed.txt"] == ""
    publish(services, work, by="Ann")
    publish(services, other, by="Ann")
    assert len(feed(services)["feed.csv"].splitlines()) == 3
    withdraw(other, by="Ann")
    (_, line) = feed(services)["feed.csv"].splitlines()
    code, quality, page = line.split(",")
    assert SIGNAL.match(code)
    assert 50 <= int(quality) <= 100
    work.refresh_from_db()
    assert page.endswith(f"/id/{work.public_name}/")
    assert feed(services)["feed.txt"] == f"pdq {code}\n"  # a line of a file that the library's exchange reads
    logged = [one.content for one in LogOpening.objects.order_by("pk") if "pdq_feed" in one.content]
    assert [(one["work"], one["pdq_feed"]) for one in logged] == [(1, True), (2, True), (2, False)]
    Picture.objects.filter(work_pictures__work=work).update(bytes_state="purged")
    assert feed(services)["feed.txt"] == ""
    Picture.objects.update(bytes_state="stored")
    assert feed(services)["feed.txt"]
    remove_work(work, by="Ann")
    assert feed(services)["feed.txt"] == ""


def test_the_hash_is_that_of_the_reference_and_near_that_of_a_copy(inline: SyncRunner) -> None:
    code, quality = pdq_of(photograph(1), inline.services.limits)
    bits, same = pdqhash.compute(np.asarray(Image.open(io.BytesIO(photograph(1))).convert("RGB")))
    assert (bytes.fromhex(code), quality) == (np.packbits(bits).tobytes(), same)
    copied, _ = pdq_of(copy_of(photograph(1)), inline.services.limits)
    assert (int(code, 16) ^ int(copied, 16)).bit_count() <= 31  # ThreatExchange's threshold of a match


def test_the_logs_key_signs_what_the_feed_says_and_when(inline: SyncRunner) -> None:
    services = inline.services
    publish(services, register(services, owner("studio"), photograph(1)).work, by="Ann")
    files = feed(services)
    body, _, tail = files["feed.note"].rpartition("\n\n")
    form, origin, _time, *named = body.split("\n")
    assert (form, origin) == ("exhibit-pdq-feed/1", services.log.origin)
    told = {line.partition(" ")[2]: line.partition(" ")[0] for line in named}
    assert told == {name: hashlib.sha256(files[name].encode()).hexdigest() for name in ("feed.csv", "feed.txt")}
    name, key = parse_verifier_key(services.log.vkey())
    dash, signer, encoded = tail.rstrip("\n").split(" ")
    raw = strict_base64(encoded)
    assert (dash, signer) == ("—", name)
    assert raw is not None
    assert holds(key, raw[4:], f"{body}\n".encode())
    assert not holds(key, raw[4:], f"{body}\n".replace("exhibit", "Exhibit").encode())


def test_what_is_plain_or_not_held_isnt_published(inline: SyncRunner) -> None:
    services, studio = inline.services, owner("studio")
    plain = register(services, studio, jpeg(Image.new("RGB", (320, 240), (90, 90, 90)))).work
    with pytest.raises(RefusedError, match=r"quality \d+; below 50"):
        publish(services, plain, by="Ann")
    data = photograph(1)
    stated = register_stated(services, studio, StatedPicture.of("a.jpg", len(data), extract(data))).work
    with pytest.raises(RefusedError, match="isn't held here"):
        publish(services, stated, by="Ann")
    assert feed(services)["feed.txt"] == ""


def test_without_the_optional_part_it_is_said_what_to_install(
    inline: SyncRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pdqhash", None)
    with pytest.raises(ServiceMissingError, match="optional part “pdq”") as missing:
        publish(inline.services, register(inline.services, owner("studio"), photograph(1)).work, by="Ann")
    assert "runtime pdq" in str(missing.value.hint)
    assert feed(inline.services)["feed.txt"] == ""  # what is published can be told without it


def test_everybody_may_fetch_it(inline: SyncRunner, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(inline.services, register(inline.services, owner("studio"), photograph(1)).work, by="Ann")
    use_house(monkeypatch, inline.services)
    answers = {kind: client.get(f"/pdq/feed.{kind}") for kind in ("csv", "txt", "note")}
    assert client.get("/pdq/feed.exe").status_code == 404
    assert [answer.status_code for answer in answers.values()] == [200, 200, 200]
    assert answers["csv"].headers["Content-Type"].startswith("text/csv")
    assert answers["txt"].content.startswith(b"pdq ")
    assert answers["note"].content.startswith(b"exhibit-pdq-feed/1\n")
