"""Test the accuracy page, health checks, and Prometheus metrics: permissions, and few labels."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from django.test import Client, override_settings
from prometheus_client.parser import text_string_to_metric_families

from evidence.accuracy.counts import CountsSource, join_counts, sign_statement
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import ConfigError
from indexer.calibration.shipped import shipped_calibration
from registry.cases import decisions
from registry.configuration import load_config
from registry.db import heartbeats
from registry.fingerprints.loaded_models import install_built_in
from registry.log.configuration import to_loggable_dict
from registry.log.local_log import get_log
from registry.log.sequencer import sequence_log
from registry.matches import calibrations
from registry.models import (
    LogSubmission,
    Picture,
    User,
)
from registry.services.services import Services
from tests.assets.error_counts import DAY, counted_picture, counts
from tests.assets.rows import create_studio
from tests.assets.site_browser import use_services
from tests.assets.source import collapse_whitespace
from tests.desk.web.operator.test_views import record_heartbeats
from workers.tasks.sync_runner import SyncRunner

TOKEN = "a-token-of-some-length"
MEASUREMENT_HEADING = "Upper limits of the false alarm rate, measured on photographs"


@pytest.fixture
def services(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> Services:
    use_services(monkeypatch, inline.services)
    return inline.services


def get_status(
    services: Services, *, token: str = "", networks: tuple[str, ...] = (), address: str = "10.1.2.3"
) -> int:
    services.config = replace(services.config, metrics_token=TOKEN if token else "", metrics_networks=networks)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return Client(REMOTE_ADDR=address).get("/metrics", headers=headers).status_code


def sign_in() -> Client:
    client = Client()
    client.force_login(User.objects.create_user(username="ann@example.org", password="not used"))
    return client


def test_metrics_are_disabled_unless_a_token_or_network_is_configured(services: Services) -> None:
    assert get_status(services) == 404
    assert get_status(services, token=TOKEN) == 200
    assert get_status(services, token=TOKEN + "x") == 404
    assert get_status(services, networks=("10.1.0.0/16",)) == 200
    assert get_status(services, networks=("10.2.0.0/16", "::1/128")) == 404
    assert get_status(services, networks=("10.1.0.0/16",), address="") == 404
    assert get_status(services, token="wrong-but-long-enough", networks=("10.1.0.0/16",)) == 404
    assert get_status(services, token=TOKEN, networks=("10.2.0.0/16",)) == 404
    with override_settings(ALLAUTH_TRUSTED_PROXY_COUNT=1):  # the proxy's address is not the client's
        services.config = replace(services.config, metrics_token="", metrics_networks=("127.0.0.1/32",))
        outside = Client(REMOTE_ADDR="127.0.0.1", headers={"X-Forwarded-For": "127.0.0.1, 192.0.2.7"})
        assert outside.get("/metrics").status_code == 404
    services.config = replace(services.config, metrics_token=TOKEN, metrics_networks=())
    assert Client().get("/metrics").status_code == 404
    assert Client().post("/metrics").status_code in (403, 405)


def test_metrics_match_the_database(services: Services) -> None:
    record_heartbeats()
    Picture.objects.create(digest=services.blobs.put(b"a"), size=1, first_seen=now(), state="failed", error="x")
    late_picture = Picture.objects.create(digest=services.blobs.put(b"b"), size=1, first_seen=now())
    Picture.objects.filter(pk=late_picture.pk).update(waits_since=now() - timedelta(hours=2))
    heartbeats.record_step_time("match", rows=7, seconds=2.5, processor_seconds=2)
    services.config = replace(services.config, metrics_token=TOKEN)
    response = Client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    metrics = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(response.content.decode())
        for sample in family.samples
    }
    assert metrics["exhibit_rows", "failed", "match"] == 1
    assert metrics["exhibit_rows", "match", "waiting"] == 1
    assert metrics["exhibit_oldest_seconds", "match"] == pytest.approx(7200, abs=60)
    assert metrics["exhibit_step_rows_total", "match"] == 7
    assert metrics["exhibit_step_processor_seconds_total", "match"] == 2
    assert metrics["exhibit_workers", "crawl"] == 1
    assert metrics["exhibit_amiss",] >= 2
    assert len(metrics) < 150
    assert not re.search(r"http|example", response.content.decode())


def test_metrics_token_is_long_and_never_logged(services: Services) -> None:
    with pytest.raises(ConfigError) as error:
        load_config({"EXHIBIT_METRICS_TOKEN": "short"})
    assert "short" not in str(error.value).replace("EXHIBIT_METRICS_TOKEN", "")
    services.config = replace(services.config, metrics_token=TOKEN)
    configuration = to_loggable_dict(services.config)
    assert configuration["metrics_token"] is True
    assert TOKEN not in str(configuration)
    assert LogSubmission.objects.count() == 0


def test_members_see_the_accuracy_of_the_installation(inline: SyncRunner) -> None:
    client = sign_in()
    assert b"no decisions yet" in client.get("/accuracy/").content
    decisions.dismiss_case(create_studio(inline).cases.get(), by="Ann", reason="Not ours.")
    sequence_log(inline.services)
    response = client.get("/accuracy/")
    assert response.status_code == 200
    [row] = re.findall("<tr><td>Very likely a copy</td>.*?</tr>", collapse_whitespace(response.content.decode()))
    assert re.findall(r'<td class="number"[^>]*>(\d+)</td>', row) == ["1", "1", "0"]
    assert b"studio" not in response.content


def test_joined_counts_are_shown_next_to_the_bound_of_this_installation(
    services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    client, calibration = sign_in(), shipped_calibration()
    assert calibration is not None
    assert MEASUREMENT_HEADING.encode() not in client.get("/accuracy/").content
    install_built_in(services.blobs)
    calibrations.store_shipped(calibration)
    own_bound = [
        f"{calibration.certain.photographs:,}",
        *(f"{bound.per_million:,}" for bound in (calibration.certain, calibration.review)),
    ]
    assert read_bounds(client) == [own_bound]
    sources = [
        CountsSource(Digest.from_bytes(part), part.decode(), counts([counted_picture(n) for n in range(at, at + 400)]))
        for part, at in ((b"a", 0), (b"b", 300))
    ]
    file = services.config.data_dir / "joined.json"
    file.write_bytes(sign_statement(get_log(services), join_counts(sources, DAY)))
    together, rest = read_bounds(client)[1:]
    assert together == ["700", "5,690", "5,690"]
    assert rest[0] == "300"
    later = [replace(source, stated=replace(source.stated, pipeline="match-0")) for source in sources]
    file.write_bytes(sign_statement(get_log(services), join_counts(later, DAY)))
    assert len(read_bounds(client)) == 1
    file.write_bytes(b"{}")
    assert len(read_bounds(client)) == 1
    assert "joined.json" in caplog.text


def read_bounds(client: Client) -> list[list[str]]:
    page = collapse_whitespace(client.get("/accuracy/").content.decode()).partition(MEASUREMENT_HEADING)[2]
    rows = re.findall("<tr><td>.*?</tr>", page)
    return [re.findall(r'<td class="number"[^>]*>([\d,]+)</td>', row) for row in rows]


def test_anonymous_visitors_must_sign_in_and_cannot_post(db: None) -> None:
    assert Client().get("/accuracy/").headers["Location"].startswith("/sign-in/")
    assert sign_in().post("/accuracy/").status_code == 405


def test_health_is_public(db: None) -> None:
    response = Client().get("/healthz")
    assert response.status_code == 200
    assert response.json() == {"database": True, "broker": True, "disk": True}
