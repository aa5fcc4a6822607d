"""Test the accuracy page, health checks, and Prometheus metrics: permissions, and few labels."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from django.test import Client, override_settings
from prometheus_client.parser import text_string_to_metric_families

from evidence.accuracy.counts import Source, join, signed
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import ConfigError
from indexer.calibration.shipped import shipped_calibration
from registry.cases import decisions
from registry.configuration import load_config
from registry.db import running
from registry.fingerprints.loaded_networks import start_shipped
from registry.log.configuration import plain_configuration
from registry.log.own_log import get_log
from registry.log.sequencer import sequence_log
from registry.matches import calibrations
from registry.models import (
    LogSubmission,
    Picture,
    User,
)
from registry.services.services import Services
from tests.assets.counted import DAY, counts, picture
from tests.assets.rows import found_studio
from tests.assets.site_browser import use_house
from tests.assets.source import flat
from tests.desk.web.operator.test_views import make_well
from workers.tasks.sync_runner import SyncRunner

TOKEN = "a-token-of-some-length"


@pytest.fixture
def own(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> Services:
    use_house(monkeypatch, inline.services)
    return inline.services


def asked(services: Services, *, token: str = "", networks: tuple[str, ...] = (), address: str = "10.1.2.3") -> int:
    services.config = replace(services.config, metrics_token=TOKEN if token else "", metrics_networks=networks)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return Client(REMOTE_ADDR=address).get("/metrics", headers=headers).status_code


def signed_in() -> Client:
    client = Client()
    client.force_login(User.objects.create_user(username="ann@example.org", password="not used"))
    return client


def test_they_are_shown_to_nobody_unless_a_guard_is_set_and_met(own: Services) -> None:
    assert asked(own) == 404
    assert asked(own, token=TOKEN) == 200
    assert asked(own, token=TOKEN + "x") == 404
    assert asked(own, networks=("10.1.0.0/16",)) == 200
    assert asked(own, networks=("10.2.0.0/16", "::1/128")) == 404
    assert asked(own, networks=("10.1.0.0/16",), address="") == 404
    assert asked(own, token="wrong-but-long-enough", networks=("10.1.0.0/16",)) == 404
    assert asked(own, token=TOKEN, networks=("10.2.0.0/16",)) == 404
    with override_settings(ALLAUTH_TRUSTED_PROXY_COUNT=1):  # the proxy's address is not the client's
        own.config = replace(own.config, metrics_token="", metrics_networks=("127.0.0.1/32",))
        outside = Client(REMOTE_ADDR="127.0.0.1", headers={"X-Forwarded-For": "127.0.0.1, 192.0.2.7"})
        assert outside.get("/metrics").status_code == 404
    own.config = replace(own.config, metrics_token=TOKEN, metrics_networks=())
    assert Client().get("/metrics").status_code == 404
    assert Client().post("/metrics").status_code in (403, 405)


def test_they_say_what_the_rows_say(own: Services) -> None:
    make_well()
    Picture.objects.create(digest=own.blobs.put(b"a"), size=1, first_seen=now(), state="failed", error="x")
    late = Picture.objects.create(digest=own.blobs.put(b"b"), size=1, first_seen=now())
    Picture.objects.filter(pk=late.pk).update(waits_since=now() - timedelta(hours=2))
    running.add_time("match", rows=7, seconds=2.5, processor_seconds=2)
    own.config = replace(own.config, metrics_token=TOKEN)
    answer = Client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    told = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }
    assert told["exhibit_rows", "failed", "match"] == 1
    assert told["exhibit_rows", "match", "waiting"] == 1
    assert told["exhibit_oldest_seconds", "match"] == pytest.approx(7200, abs=60)
    assert told["exhibit_step_rows_total", "match"] == 7
    assert told["exhibit_step_processor_seconds_total", "match"] == 2
    assert told["exhibit_workers", "crawl"] == 1
    assert told["exhibit_amiss",] >= 2
    assert len(told) < 150
    assert not re.search(r"http|example", answer.content.decode())


def test_the_token_is_long_enough_and_stands_in_no_entry_of_the_log(own: Services) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config({"EXHIBIT_METRICS_TOKEN": "short"})
    assert "short" not in str(caught.value).replace("EXHIBIT_METRICS_TOKEN", "")
    own.config = replace(own.config, metrics_token=TOKEN)
    told = plain_configuration(own.config)
    assert told["metrics_token"] is True
    assert TOKEN not in str(told)
    assert LogSubmission.objects.count() == 0


def test_whoever_is_signed_in_sees_the_rate_of_the_installation(inline: SyncRunner) -> None:
    client = signed_in()
    assert b"nothing decided yet" in client.get("/accuracy/").content
    decisions.clear(found_studio(inline).cases.get(), by="Ann", reason="Not ours.")
    sequence_log(inline.services)
    answer = client.get("/accuracy/")
    assert answer.status_code == 200
    [row] = re.findall("<tr><td>Very likely a copy</td>.*?</tr>", flat(answer.content.decode()))
    assert re.findall(r'<td class="number"[^>]*>(\d+)</td>', row) == ["1", "1", "0"]
    assert b"studio" not in answer.content


def test_joined_counts_stand_beside_the_own_bound_where_the_operator_has_put_some(
    own: Services, caplog: pytest.LogCaptureFixture
) -> None:
    client, shipped = signed_in(), shipped_calibration()
    assert shipped is not None
    assert b"beforehand" not in client.get("/accuracy/").content
    start_shipped(own.blobs)
    calibrations.keep_shipped(shipped)
    own_bound = [
        f"{shipped.certain.photographs:,}",
        *(f"{bound.per_million:,}" for bound in (shipped.certain, shipped.review)),
    ]
    assert bounds_on(client) == [own_bound]
    sources = [
        Source(Digest.of(part), part.decode(), counts([picture(n) for n in range(at, at + 400)]))
        for part, at in ((b"a", 0), (b"b", 300))
    ]
    file = own.config.data_dir / "joined.json"
    file.write_bytes(signed(get_log(own), join(sources, DAY)))
    together, rest = bounds_on(client)[1:]
    assert together == ["700", "5,690", "5,690"]
    assert rest[0] == "300"
    later = [replace(source, stated=replace(source.stated, pipeline="match-0")) for source in sources]
    file.write_bytes(signed(get_log(own), join(later, DAY)))
    assert len(bounds_on(client)) == 1
    file.write_bytes(b"{}")
    assert len(bounds_on(client)) == 1
    assert "joined.json" in caplog.text


def bounds_on(client: Client) -> list[list[str]]:
    page = flat(client.get("/accuracy/").content.decode()).partition("beforehand")[2]
    rows = re.findall("<tr><td>.*?</tr>", page)
    return [re.findall(r'<td class="number"[^>]*>([\d,]+)</td>', row) for row in rows]


def test_a_stranger_is_asked_to_sign_in_and_nothing_can_be_posted(db: None) -> None:
    assert Client().get("/accuracy/").headers["Location"].startswith("/sign-in/")
    assert signed_in().post("/accuracy/").status_code == 405


def test_health_is_told_without_signing_in(db: None) -> None:
    answer = Client().get("/healthz")
    assert answer.status_code == 200
    assert answer.json() == {"database": True, "broker": True, "disk": True}
