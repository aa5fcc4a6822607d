"""Test the operator's page: status, one sentence per problem, retries of failed jobs, and access."""

import re
import tomllib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.mail import EmailMessage
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from playwright.sync_api import expect
from requests import RequestException

from evidence.anchors.opentimestamps.kind import OpenTimestampsConfig
from evidence.development.authority import run_authority
from exhibit import __version__
from exhibit.clock import now
from exhibit.config.editable_settings import read_editable_settings
from exhibit.digests import Digest
from exhibit.errors import RefusedError, ServiceMissingError
from exhibit.sentences import Sentence, concatenate_sentences, to_text
from registry.bundles.models import REOPENED_CASE
from registry.crawls import copy_checks
from registry.db import heartbeats
from registry.db.locks import LOCK_KEY_PREFIX, Lock
from registry.edge import contributors, leases
from registry.jobs import get_job_for_model
from registry.log.sequencer import sequence_log, sign_checkpoint
from registry.log.site_settings import change_settings
from registry.matches.index_upkeep import IndexState
from registry.models import (
    AddedTimestampService,
    Bundle,
    Case,
    Contributor,
    Crawl,
    Heartbeat,
    LogOpening,
    Membership,
    Picture,
    Report,
    Role,
    StepTime,
    TimestampServiceState,
    User,
    Watch,
    WorkPicture,
)
from registry.services.services import Services
from tests.assets.exact_site import Site as Served, answer
from tests.assets.pages import has_test_id, message_levels, numbers_in, select
from tests.assets.rows import claim_new_slice, owner, photograph, recompress, record_sightings, register
from tests.assets.site_browser import PHONE, Site, use_services
from tests.registry.log.test_added_services import offer_service
from workers.operations import health, updates
from workers.operations.backlog import count_by_task, find_held_up_reasons, list_failures, retry_failed
from workers.operations.capacity import compute_costs
from workers.operations.status import collect_status
from workers.pipeline.celery import list_queues
from workers.tasks.sync_runner import SyncRunner

CHANGED_ERROR = Sentence("The stored bytes of %(digest)s have changed.", digest="ab12")


def create_client(*, staff: bool) -> Client:
    name = "operator" if staff else "alice"
    user = User.objects.create_user(username=f"{name}@example.org", email=f"{name}@example.org", is_staff=staff)
    if not staff:
        Membership.objects.create(user=user, owner=owner("studio"), role=Role.OWNER)
    client = Client()
    client.force_login(user)
    return client


def record_heartbeats() -> None:
    """Record the heartbeats of a running product."""
    for name, queues in (
        ("worker-interactive@here", "default"),
        ("worker@here", ",".join(list_queues() - {"default"})),
    ):
        heartbeats.record_heartbeat(name, queues)
    heartbeats.record_heartbeat(heartbeats.TICK)


@pytest.fixture
def services(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> Services:
    """Return the services of the site, with one timestamp service."""
    calendar = OpenTimestampsConfig(
        kind="opentimestamps", name="bitcoin", urls=("http://127.0.0.1:9",), development=True
    )
    inline.services.config = replace(inline.services.config, anchors=(calendar,), contact="ann@example.org")
    (inline.services.config.data_dir / "exhibit.toml").write_text('contact = "ann@example.org"\n')
    use_services(monkeypatch, inline.services)
    return inline.services


def failed_checks(services: Services) -> list[str]:
    """Return the names of the checks that did not pass."""
    return [check.name for check in health.run_checks(collect_status(services), services.config) if not check.ok]


def check_sentence(services: Services, name: str) -> str:
    return next(
        check.sentence for check in health.run_checks(collect_status(services), services.config) if check.name == name
    )


def test_only_the_operator_sees_the_status_page(services: Services) -> None:
    pages = ("/operator/", "/operator/details", "/operator/retry", "/operator/leave")
    for address in (*pages, "/operator/settings", "/operator/timestamp-services/custom"):
        assert Client().get(address).status_code in (302, 405)
        assert Client().post(address).status_code in (302, 405)
        stranger = Client()
        stranger.force_login(User.objects.get_or_create(username="eve", email="eve@example.org")[0])
        assert stranger.get(address).status_code in (404, 405)
        assert stranger.post(address).status_code in (404, 405)
    alice = create_client(staff=False)
    assert [alice.get(address).status_code for address in ("/operator/", "/operator/details")] == [404, 404]
    assert b'href="/operator/"' not in read_page(staff=False)
    assert b'href="/operator/"' in read_page(staff=True)


def read_page(*, staff: bool) -> bytes:
    client = Client()
    user = User.objects.filter(is_staff=staff).first() or User.objects.create_user(
        "op", "op@example.org", is_staff=staff
    )
    client.force_login(user)
    return client.get("/accuracy/").content


def test_healthy_installation_shows_no_action_needed(services: Services) -> None:
    record_heartbeats()
    client = create_client(staff=True)
    assert not select(client.get("/operator/"), ".amiss")
    assert failed_checks(services) == []


def test_missing_workers_show_a_hint(services: Services) -> None:
    assert failed_checks(services) == ["workers"]
    record_heartbeats()
    Heartbeat.objects.filter(name="worker@here").delete()
    assert failed_checks(services) == ["workers"]
    assert ", ".join(sorted(list_queues() - {"default"})) in check_sentence(services, "workers")
    record_heartbeats()
    Heartbeat.objects.filter(name="worker@here").update(seen_at=now() - timedelta(minutes=5))
    assert failed_checks(services) == ["workers", "worker"]
    assert "worker@here" in check_sentence(services, "worker")
    record_heartbeats()
    Heartbeat.objects.filter(name=heartbeats.TICK).update(seen_at=now() - timedelta(minutes=5))
    assert failed_checks(services) == ["tick"]


def test_each_queue_shows_the_age_of_its_oldest_row(services: Services) -> None:
    Report.objects.create(owner=owner("studio"), number=1, waits_since=now() - timedelta(minutes=4))
    page = create_client(staff=True).get("/operator/details").content.decode()
    ages = dict(
        re.findall(r"<td>(\w+)</td>\s*<td data-label=\"Type\">[^<]+</td>\s*<td class=\"number\"[^>]+>([^<]+)", page)
    )
    assert ages.pop("files") == "4 min"
    assert ages.keys() | {"files"} == list_queues()
    assert set(ages.values()) == {"–"}


def test_each_failed_check_has_a_single_sentence(services: Services) -> None:
    record_heartbeats()
    studio = owner("studio")
    work = register(services, studio, photograph(1)).work
    crawl_slice, epoch = claim_new_slice(studio)
    record_sightings(services, crawl_slice, epoch, [recompress(photograph(1))])
    Picture.objects.filter(state="queued").update(waits_since=now() - timedelta(hours=3))
    WorkPicture.objects.update(state="failed", error=CHANGED_ERROR)
    known_copy = copy_checks.add_known_copy(work, crawl_slice.crawl.watch, "http://watch.example/", by="Ann")
    known_copy.added_at = now() - timedelta(days=1)
    known_copy.save()
    Crawl.objects.update(finished_at=now(), state="done")
    Watch.objects.update(next_run_at=now() - timedelta(hours=1))
    moment = now() - timedelta(days=1)
    TimestampServiceState.objects.create(
        kind="opentimestamps", service="bitcoin", unresponsive_since=moment, error="No route."
    )
    services.config = replace(services.config, disk_floor_bytes=2**62, timestamps_needed=2)
    (services.config.data_dir / "log.head").write_bytes(b"\xff")
    checks = [check for check in health.run_checks(collect_status(services), services.config) if not check.ok]
    crawls = f"watches/{crawl_slice.crawl.watch.number}/crawls --owner studio"
    assert any(check.remedy.endswith(crawls) for check in checks)
    assert sorted(check.name for check in checks) == sorted(
        ["disk", "late", "given up", "crawls", "known_copy", "log", "timestamps", "timestamp service bitcoin"]
    )
    assert any("No route." in check.sentence and "bitcoin" in check.sentence for check in checks)


def test_index_lag_is_shown(services: Services) -> None:
    status = collect_status(services)
    behind = replace(status, indexes=[IndexState("works", "sscd", 10, 4_321, 0, 0)])
    (index_check,) = [check for check in health.run_checks(behind, services.config) if check.name == "indexes"]
    assert (index_check.ok, numbers_in(index_check.sentence)) == (True, ["4321"])


def test_contributors_are_listed_with_results_and_reasons_for_removal(services: Services) -> None:
    client = create_client(staff=True)
    assert "Contributors" not in client.get("/operator/details").content.decode()
    row, _ = contributors.invite_contributor("Ann", by="operator")
    heartbeats.record_step_time("edge", rows=1, seconds=0.5, processor_seconds=0.5)
    Contributor.objects.update(pictures=1_234, seconds=5_678, checked=91, wrong=2)
    page = client.get("/operator/details").content.decode()
    table = page[page.index('id="contributors"') : page.index('id="timestamps"')]
    cells = [cell.strip() for cell in re.findall(r"<td[^>]*>([^<]*)", table)]
    assert cells == ["Ann", "1,234", "5,678", "91", "2", "–"]
    contributors.remove_contributor(row, by="", reason=leases.FALSE_MEASUREMENTS, discard_results=True)
    assert leases.FALSE_MEASUREMENTS in client.get("/operator/details").content.decode()


def test_timestamp_service_counts_as_responding_only_after_a_response(services: Services) -> None:
    def read_messages() -> list[str]:
        return numbers_in(check_sentence(services, "timestamps"))

    assert read_messages() == ["0", "1"]
    state = TimestampServiceState.objects.create(kind="opentimestamps", service="bitcoin", answered_at=now())
    assert read_messages() == ["1", "1"]
    TimestampServiceState.objects.filter(pk=state.pk).update(unresponsive_since=now())
    assert read_messages() == ["0", "1"]


def test_reopened_cases_and_expired_pictures_raise_no_alert(services: Services) -> None:
    record_heartbeats()
    studio = owner("studio")
    case = Case.objects.create(
        owner=studio, number=1, work=register(services, studio, photograph(1)).work, party="a", opened_at=now()
    )
    Bundle.objects.create(case=case, number=1, state="failed", error=REOPENED_CASE)
    Picture.objects.create(
        digest=services.blobs.put(b"a"), size=1, first_seen=now(), state="failed", bytes_state="expired"
    )
    assert failed_checks(services) == []
    assert retry_failed(services.enqueue, "seal") == retry_failed(services.enqueue, "match") == 0


@pytest.mark.long
def test_failed_jobs_are_retried_by_reason(services: Services) -> None:
    client, jobs = create_client(staff=True), []
    services.enqueue = lambda rows, ids, **_: jobs.append((get_job_for_model(rows).name, list(ids)))
    rows = [
        Picture.objects.create(
            digest=services.blobs.put(bytes([index])),
            size=1,
            first_seen=now(),
            state="failed",
            error=reason,
            attempts=5,
        ).pk
        for index, reason in enumerate([CHANGED_ERROR, CHANGED_ERROR, "<b>Other</b>"])
    ]
    page = client.get("/operator/").content.decode()
    assert "&lt;b&gt;Other&lt;/b&gt;" in page
    response = client.post("/operator/retry", {"step": "match", "key": to_text(CHANGED_ERROR)}, follow=True)
    assert message_levels(response) == ["success"]
    assert jobs == [("match", rows[:2])]
    refreshed_picture = Picture.objects.get(pk=rows[0])
    assert (refreshed_picture.state, refreshed_picture.attempts, refreshed_picture.error) == ("queued", 0, "")
    assert Picture.objects.get(pk=rows[2]).state == "failed"
    response = client.post("/operator/retry", {"step": "match", "key": to_text(CHANGED_ERROR)}, follow=True)
    assert message_levels(response) == ["info"]
    assert message_levels(client.post("/operator/retry", {"step": "x"}, follow=True)) == ["error"]


@pytest.mark.long
def test_permanent_failures_can_be_dismissed(services: Services) -> None:
    record_heartbeats()
    client = create_client(staff=True)
    lost, other = (
        Picture.objects.create(
            digest=services.blobs.put(data), size=1, first_seen=now(), state="failed", error=reason, attempts=5
        )
        for data, reason in ((b"1", "Line one.\nLine two."), (b"2", "Other."))
    )
    form = {"step": "match", "key": "Line one.\r\nLine two."}
    assert message_levels(client.post("/operator/leave", form, follow=True)) == ["success"]
    assert numbers_in(check_sentence(services, "given up")) == ["1"]
    lost.refresh_from_db()
    assert (lost.state, lost.error) == ("failed", "Line one.\nLine two.")
    Picture.objects.filter(pk=lost.pk).update(error="Another reason.")
    assert [failure.error for failure in list_failures() if not failure.dismissed] == ["Another reason.", "Other."]
    Picture.objects.filter(pk=lost.pk).update(error="Line one.\nLine two.")
    assert message_levels(client.post("/operator/retry", form, follow=True)) == ["success"]
    Picture.objects.filter(pk=lost.pk).update(state="failed", error="Line one.\nLine two.")
    assert [failure.dismissed for failure in list_failures()] == [False, False]
    assert "There is no step" in client.post("/operator/leave", {"step": "x"}, follow=True).content.decode()
    other.refresh_from_db()
    assert (other.state, other.error) == ("failed", "Other.")


@pytest.mark.long
def test_status_page_needs_few_queries(
    services: Services, django_capture_on_commit_callbacks: Callable[..., AbstractContextManager[list[object]]]
) -> None:
    client = create_client(staff=True)
    with django_capture_on_commit_callbacks(execute=True):  # a process looks this up once
        client.get("/operator/")
    studio = owner("shop")
    for index in range(5):
        work = register(services, studio, photograph(index)).work
        crawl_slice, epoch = claim_new_slice(studio, f"watch{index}")
        record_sightings(services, crawl_slice, epoch, [photograph(10 + index)])
        copy_checks.add_known_copy(work, crawl_slice.crawl.watch, f"http://watch{index}.example/", by="Ann")
    Crawl.objects.update(finished_at=now(), state="done")
    WorkPicture.objects.update(state="failed", error=CHANGED_ERROR)
    sequence_log(services)
    assert sign_checkpoint(services) is not None
    for address in ("/operator/", "/operator/details"):
        with CaptureQueriesContext(connection) as queries:
            client.get(address)
        assert len(queries) <= 30, "\n".join(query["sql"][:100] for query in queries)


def test_counts_on_the_status_page_stop_at_a_limit(services: Services) -> None:
    rows = [Picture(digest=Digest.from_bytes(bytes([n])), size=1, first_seen=now(), state="queued") for n in range(5)]
    rows[4].held_since, rows[4].error = now(), "No room."
    Picture.objects.bulk_create(rows)
    Picture.objects.filter(digest=rows[2].digest).update(waits_since=now() - timedelta(hours=3))
    assert [
        (queue.waiting_rows, queue.pending_label) for queue in (count_by_task()["match"], count_by_task(3)["match"])
    ] == [
        (5, "5"),
        (3, "3+"),
    ]
    assert count_by_task(3)["match"].oldest == count_by_task()["match"].oldest
    assert [find_held_up_reasons(), find_held_up_reasons(3)] == [{"match": "No room."}, {}]
    (late_check,) = [
        queue for queue in health.run_checks(collect_status(services, 3), services.config) if queue.name == "late"
    ]
    assert numbers_in(late_check.sentence) == ["3", "3"]
    assert "3+" in late_check.sentence


def test_cost_is_measured_seconds_times_the_price(services: Services) -> None:
    heartbeats.record_step_time("match", rows=200, seconds=100, processor_seconds=50)
    heartbeats.record_step_time("slice", rows=0, seconds=900, processor_seconds=30)
    durations = heartbeats.load_usage_since(now())
    costs = compute_costs(durations, "0.36 EUR")
    assert costs.total is not None
    assert costs.pictures == 200
    assert costs.total.hours == pytest.approx(1_000_000 * 80 / 200 / 3600)
    assert [(step.step, str(step.money)) for step in costs.steps] == [("match", "25.00"), ("slice", "15.00")]
    assert str(costs.total.money) == "40.00"
    services.config = replace(services.config, processor_hour_price="0.36 EUR")
    assert "40.00 EUR" in create_client(staff=True).get("/operator/details").content.decode()
    StepTime.objects.filter(step="match").update(rows=99)
    assert compute_costs(heartbeats.load_usage_since(now()), "").total is None


@pytest.mark.long
def test_failed_jobs_can_be_retried_on_a_phone(site: Site) -> None:
    Picture.objects.create(
        digest=site.services.blobs.put(b"a"),
        size=1,
        first_seen=now(),
        state="failed",
        error=CHANGED_ERROR + " word" * 60,
    )
    record_heartbeats()
    heartbeats.record_step_time("match", rows=200, seconds=100, processor_seconds=50)
    heartbeats.record_step_time("edge", rows=1, seconds=0.5, processor_seconds=0.5)
    contributors.remove_contributor(
        contributors.invite_contributor("Ann", by="operator")[0],
        by="",
        reason=leases.FALSE_MEASUREMENTS,
        discard_results=True,
    )
    manager = User.objects.create_user("boss@example.org", "boss@example.org", is_staff=True)
    ann = site.sign_in(manager, size=PHONE)
    ann.open("/operator/")
    ann.check()
    ann.buttons_to("operator-retry").first.click()
    expect(ann.page.locator(".message.success")).to_have_count(1)
    ann.check()
    Picture.objects.update(state="failed", error=CHANGED_ERROR)
    ann.open("/operator/")
    ann.page.locator("button[formaction]").first.click()
    ann.page.locator("main details summary").last.click()
    ann.check()


def test_failure_reasons_are_in_the_operators_language(services: Services) -> None:
    record_heartbeats()
    moment = now() - timedelta(days=1)
    errors = [Sentence("https://%(place)s did not respond.", place=place) for place in ("a.example", "b.example")]
    reason = concatenate_sentences(Sentence("No calendar of %(name)s accepted the digest:", name="bitcoin"), *errors)
    TimestampServiceState.objects.create(
        kind="opentimestamps", service="bitcoin", unresponsive_since=moment, error=reason
    )
    (services.config.data_dir / "log.head").write_bytes(b"\xff")
    client = create_client(staff=True)
    assert "https://b.example did not respond." in client.get("/operator/").content.decode()
    chinese = client.get("/operator/", headers={"Accept-Language": "zh-CN"}).content.decode()
    assert "https://b.example 没有答复。" in chinese
    assert "最后签名的检查点无法确定。" in chinese
    for english in ("accepted the digest", "respond.", "log signed", "opentimestamps"):
        assert english not in chinese, english


def test_large_numbers_are_grouped_by_thousands(services: Services) -> None:
    studio = owner("studio")
    claim_new_slice(studio)
    Crawl.objects.update(pages=20_000)
    client = create_client(staff=True)
    for language in ("en", "zh-CN"):
        page = client.get("/operator/details", headers={"Accept-Language": language}).content.decode()
        assert ">20,000</td>" in page


def test_only_the_operator_adds_and_removes_timestamp_services(
    inline: SyncRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    use_services(monkeypatch, inline.services)
    client, other = create_client(staff=True), create_client(staff=False)
    page = client.get("/operator/timestamp-services").content.decode()
    assert all(text in page for text in ("FreeTSA", "OpenTimestamps"))
    assert other.get("/operator/timestamp-services").status_code == 404
    with run_authority(tmp_path) as authority:
        offer_service(monkeypatch, authority)
        assert other.post("/operator/timestamp-services/near/add").status_code == 404
        response = client.post("/operator/timestamp-services/near/add", follow=True)
    assert message_levels(response) == ["success"]
    assert not select(response, "#offered")
    assert message_levels(client.post("/operator/timestamp-services/near/remove", follow=True)) == ["success"]
    refused_response = client.post("/operator/timestamp-services/near/add", follow=True)  # it is no longer running
    assert message_levels(refused_response) == ["error"]
    assert authority.url in select(refused_response, ".message.error::text").get("")


def test_custom_timestamp_service_is_added_with_its_root_after_a_response(
    inline: SyncRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    inline.services.config = replace(inline.services.config, allowed_networks=("127.0.0.0/8",))
    use_services(monkeypatch, inline.services)
    client = create_client(staff=True)

    def add_service(**fields: object) -> Any:  # noqa: ANN401 - what a client got
        form = {"kind": "rfc3161", "name": "house.tsa", **fields}
        return client.post("/operator/timestamp-services/custom", form, follow=True)

    def is_refused(**fields: object) -> bool:
        response = add_service(**fields)
        return (response.status_code, message_levels(response)) == (422, ["error"])

    with run_authority(tmp_path) as authority:
        root = SimpleUploadedFile("root.pem", authority.root_pem)
        invalid_root = SimpleUploadedFile("root.pem", b"no root")
        assert is_refused(urls=authority.url, roots=invalid_root)
        typed_url = select(add_service(urls=authority.url), "details[open] #tsa-urls::attr(value)").get()
        assert typed_url == authority.url, "the typed text stays"
        assert is_refused(urls=authority.url)
        assert is_refused(urls=authority.url, roots=root, name="../x")
        assert is_refused(urls="ftp://a.example", roots=SimpleUploadedFile("r", authority.root_pem))
        assert is_refused(urls=authority.url, kind="oracle")
        inline.services.config = replace(inline.services.config, allowed_networks=())
        for url in (authority.url, "http://169.254.169.254/latest", "http://localhost:1"):
            root.seek(0)
            assert is_refused(urls=url, roots=root)
        assert not AddedTimestampService.objects.exists()
        inline.services.config = replace(inline.services.config, allowed_networks=("127.0.0.0/8",))
        root.seek(0)
        assert message_levels(add_service(urls=authority.url, roots=root)) == ["success"]
        root.seek(0)
        assert is_refused(urls=authority.url, roots=root)
    (row,) = AddedTimestampService.objects.all()
    assert (row.kind, row.settings, "BEGIN CERTIFICATE" in row.roots) == ("rfc3161", {"urls": [authority.url]}, True)
    client.post("/operator/timestamp-services/house.tsa/remove")
    assert not AddedTimestampService.objects.exists()


def test_blockchain_is_added_by_key_file_name_and_its_key_is_not_shown(
    inline: SyncRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.assets.evm_ledger import KEY, running_ledger  # takes a second to load

    inline.services.config = replace(inline.services.config, allowed_networks=("127.0.0.0/8",))
    use_services(monkeypatch, inline.services)
    client, folder = create_client(staff=True), inline.services.config.data_dir / "secrets" / "chains"
    folder.mkdir(parents=True)
    (folder / "near.key").write_text(KEY.hex())
    (folder / "near.key").chmod(0o600)
    with running_ledger() as ledger:
        form = {"kind": "evm", "name": "near", "urls": f"{ledger.url}/providers-key", "key_file": "near.key"}
        form |= {"chain_id": str(ledger.chain.chain_id), "contract": f"0x{ledger.contract.hex()}", "gas_price": "0"}

        def add_chain(**fields: str) -> str:
            return client.post("/operator/timestamp-services/custom", form | fields, follow=True).content.decode()

        for name in ("../master_key", "none.key"):
            html = add_chain(key_file=name)
            assert message_levels(html) == ["error"]
            assert "providers-key" not in html
        before = ledger.chain.chain.get_block().number
        page = add_chain()
        assert message_levels(page) == ["success"]
        assert ledger.chain.chain.get_block().number == before  # nothing was paid
    assert ledger.url in page
    assert "providers-key" not in page
    assert "near.key" not in page
    details = LogOpening.objects.filter(content__what="timestamp service added").get().details
    assert details is not None
    assert details["urls"] == [ledger.url]


def test_public_url_and_contact_are_saved_and_apply_after_restart(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_heartbeats()
    client, file = create_client(staff=True), services.config.data_dir / "exhibit.toml"
    file.write_text('# ours\ncontact = "old@example.org"\nworkers = 3\n\n[[anchors]]\ncontact = 1\n')

    def save_settings(**fields: str) -> Any:  # noqa: ANN401 - what a client got
        return client.post("/operator/settings", {"contact": "ann@example.org"} | fields, follow=True)

    response = save_settings(contact="nobody", public_url="exhibit.example.org")
    assert response.context["problem"]
    assert 'value="exhibit.example.org"' in response.content.decode()
    assert "old@example.org" in file.read_text()
    assert message_levels(save_settings(public_url="https://exhibit.example.org/")) == ["success"]
    assert file.read_text() == (
        'public_url = "https://exhibit.example.org"\ncontact = "ann@example.org"\n'
        "# ours\nworkers = 3\n\n[[anchors]]\ncontact = 1\n"
    )
    details = LogOpening.objects.filter(content__what="settings changed").get().details
    assert details is not None
    assert details["settings"] == {"public_url": "https://exhibit.example.org/", "contact": "ann@example.org"}
    assert failed_checks(services) == ["settings"]
    assert "public_url" in check_sentence(services, "settings")
    assert message_levels(save_settings(public_url="https://exhibit.example.org")) == ["info"]
    monkeypatch.setenv("EXHIBIT_PUBLIC_URL", "https://other.example")
    page = client.get("/operator/settings").content.decode()
    assert 'name="public_url"' not in page
    assert has_test_id(page, "fixed")
    save_settings(public_url="https://third.example", operator_name='A "quoted"\nname')
    assert "third.example" not in file.read_text()
    assert tomllib.loads(file.read_text())["operator_name"] == 'A "quoted" name'
    file.write_text('x = """\ncontact = 1\n"""\n')
    assert "exhibit.toml" in save_settings(contact="b@example.org").context["problem"]


def test_missing_crawler_contact_is_reported(services: Services) -> None:
    record_heartbeats()
    services.config = replace(services.config, contact="")
    (services.config.data_dir / "exhibit.toml").unlink()
    assert failed_checks(services) == []  # nothing is visited
    claim_new_slice(owner("studio"))
    assert failed_checks(services) == ["contact"]
    assert "/operator/settings" in create_client(staff=True).get("/operator/").content.decode()


def test_update_check_runs_only_where_the_operator_enables_it(services: Services) -> None:
    record_heartbeats()

    updates.check_for_update(services)
    nobody_asked = check_sentence(services, "version")
    assert __version__ in nobody_asked
    site = Served()
    site.answers["/latest"] = answer(b'{"tag_name": "v99.1", "body": "<b>"}')
    with site.running():
        services.config = replace(services.config, update_url=f"{site.url}/latest")
        with pytest.raises(RefusedError):  # may come from a web page, so a version number is not enough
            updates.check_for_update(services)
        services.config = replace(services.config, allowed_networks=("127.0.0.0/8",))
        (services.config.data_dir / updates.CHECKED_AT).unlink()
        for _day in range(2):
            updates.check_for_update(services)
    ((_, headers),) = site.asked
    assert not {"Cookie", "From", "Referer"} & set(headers)
    assert (headers["User-Agent"], __version__ in str(headers)) == ("Exhibit", False)
    assert failed_checks(services) == ["version"]
    assert all(version in check_sentence(services, "version") for version in ("99.1", __version__))
    (services.config.data_dir / updates.CHECKED_AT).unlink()
    release = updates.read_newest_version(services.config)
    with pytest.raises(RequestException):  # no server responds
        updates.check_for_update(services)
    assert updates.read_newest_version(services.config) == release
    services.config = replace(services.config, update_url="https://other.example/latest")
    assert updates.read_newest_version(services.config) is None
    assert check_sentence(services, "version") != nobody_asked


@pytest.mark.parametrize(
    ("text", "version"),
    [(b"1.2\n", "1.2"), (b"v1.2.3", "1.2.3"), (b'"1.2"', "1.2"), (b'{"info": {"version": "1.2"}}', "1.2")],
)
def test_version_is_read_from_text_or_json(text: bytes, version: str) -> None:
    assert updates.parse_version(text) == version
    for body in (b"12", b"[1.2]", b"<b>1.2</b>", b"[" * 60_000):
        with pytest.raises(ServiceMissingError):
            updates.parse_version(body)


def test_changing_the_public_url_requires_reauthentication_and_notifies_operators(
    services: Services, mailoutbox: list[EmailMessage]
) -> None:
    client, file = create_client(staff=True), services.config.data_dir / "exhibit.toml"
    User.objects.create_user("second@example.org", "second@example.org", is_staff=True)
    manager = User.objects.get(username="operator@example.org")
    manager.set_password("a long password")
    manager.save()
    client.force_login(manager)
    for address in (
        "/operator/settings",
        "/operator/timestamp-services/custom",
        "/operator/timestamp-services/near/add",
    ):
        response = client.post(address, {"public_url": "https://evil.example"})
        assert response.headers["Location"].startswith("/account/reauthenticate/"), address
    assert read_editable_settings(services.config.data_dir) == {"contact": "ann@example.org"}
    response = client.post("/operator/settings", {"public_url": "https://new.example"})
    other_response = client.post(response.headers["Location"], {"password": "a long password"}, follow=True)
    assert message_levels(other_response) == ["success"]
    assert 'public_url = "https://new.example"' in file.read_text()
    assert [mail.to for mail in mailoutbox] == [["operator@example.org"], ["second@example.org"]]
    assert "https://new.example" in mailoutbox[0].body


def test_concurrent_settings_changes_are_serialised(services: Services) -> None:
    (services.config.data_dir / "exhibit.toml").write_text('contact = "old@example.org"\n')
    with connection.copy().cursor() as other, connection.cursor() as cursor:
        other.execute("SELECT pg_advisory_lock(%s, %s)", [LOCK_KEY_PREFIX, Lock.SETTINGS])
        cursor.execute("SET LOCAL lock_timeout = '50ms'")
        with pytest.raises(OperationalError, match="lock timeout"):
            change_settings(services.config, {"contact": "new@example.org"}, by="ann")
        other.connection.close()
    assert not LogOpening.objects.filter(content__what="settings changed").exists()
    assert read_editable_settings(services.config.data_dir) == {"contact": "old@example.org"}
