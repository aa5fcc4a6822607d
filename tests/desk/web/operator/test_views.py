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
from exhibit.config.editable_settings import editable_settings
from exhibit.digests import Digest
from exhibit.errors import RefusedError, ServiceMissingError
from exhibit.sentences import Sentence, following, to_text
from registry.bundles.models import REOPENED
from registry.crawls import canaries
from registry.db import heartbeats
from registry.db.locks import LOCKS, Lock
from registry.edge import contributors, leases
from registry.jobs import job_of
from registry.log.sequencer import sequence_log, sign_checkpoint
from registry.log.site_settings import change_settings
from registry.matches.index_upkeep import IndexState
from registry.models import (
    AddedWitness,
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
    User,
    Watch,
    WitnessState,
    WorkPicture,
)
from registry.services.services import Services
from tests.assets.exact_site import Site as Served, answer
from tests.assets.pages import has_test_id, message_levels, numbers_in, select
from tests.assets.rows import claim_new_slice, owner, photograph, recompress, record_sightings, register
from tests.assets.site_browser import PHONE, Site, use_services
from tests.registry.log.test_added_services import offer_service
from workers.operations import health, updates
from workers.operations.backlog import by_task, failures, held_up, try_again
from workers.operations.capacity import costs_of
from workers.operations.status import status_of
from workers.pipeline.celery import all_queues
from workers.tasks.sync_runner import SyncRunner

CHANGED_ERROR = Sentence("The stored bytes of %(digest)s have changed.", digest="ab12")


def person(*, staff: bool) -> Client:
    name = "operator" if staff else "alice"
    user = User.objects.create_user(username=f"{name}@example.org", email=f"{name}@example.org", is_staff=staff)
    if not staff:
        Membership.objects.create(user=user, owner=owner("studio"), role=Role.OWNER)
    client = Client()
    client.force_login(user)
    return client


def record_heartbeats() -> None:
    """Record the heartbeats of a running product."""
    for name, queues in (("worker-interactive@here", "default"), ("worker@here", ",".join(all_queues() - {"default"}))):
        heartbeats.record_heartbeat(name, queues)
    heartbeats.record_heartbeat(heartbeats.TICK)


@pytest.fixture
def own(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> Services:
    """An installation with a timestamp service, whose page the client sees."""
    calendar = OpenTimestampsConfig(
        kind="opentimestamps", name="bitcoin", urls=("http://127.0.0.1:9",), development=True
    )
    inline.services.config = replace(inline.services.config, anchors=(calendar,), contact="ann@example.org")
    (inline.services.config.data_dir / "exhibit.toml").write_text('contact = "ann@example.org"\n')
    use_services(monkeypatch, inline.services)
    return inline.services


def failed_checks(services: Services) -> list[str]:
    """Return the names of the checks that did not pass."""
    return [check.name for check in health.checks(status_of(services), services.config) if not check.ok]


def check_sentence(services: Services, name: str) -> str:
    return next(check.sentence for check in health.checks(status_of(services), services.config) if check.name == name)


def test_only_the_operator_sees_the_status_page(own: Services) -> None:
    pages = ("/operator/", "/operator/details", "/operator/retry", "/operator/leave")
    for address in (*pages, "/operator/settings", "/operator/witnesses/own"):
        assert Client().get(address).status_code in (302, 405)
        assert Client().post(address).status_code in (302, 405)
        stranger = Client()
        stranger.force_login(User.objects.get_or_create(username="eve", email="eve@example.org")[0])
        assert stranger.get(address).status_code in (404, 405)
        assert stranger.post(address).status_code in (404, 405)
    alice = person(staff=False)
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


def test_healthy_installation_shows_no_action_needed(own: Services) -> None:
    record_heartbeats()
    client = person(staff=True)
    assert not select(client.get("/operator/"), ".amiss")
    assert failed_checks(own) == []


def test_missing_workers_show_a_hint(own: Services) -> None:
    assert failed_checks(own) == ["workers"]
    record_heartbeats()
    Heartbeat.objects.filter(name="worker@here").delete()
    assert failed_checks(own) == ["workers"]
    assert ", ".join(sorted(all_queues() - {"default"})) in check_sentence(own, "workers")
    record_heartbeats()
    Heartbeat.objects.filter(name="worker@here").update(seen_at=now() - timedelta(minutes=5))
    assert failed_checks(own) == ["workers", "worker"]
    assert "worker@here" in check_sentence(own, "worker")
    record_heartbeats()
    Heartbeat.objects.filter(name=heartbeats.TICK).update(seen_at=now() - timedelta(minutes=5))
    assert failed_checks(own) == ["tick"]


def test_each_queue_shows_the_age_of_its_oldest_row(own: Services) -> None:
    Report.objects.create(owner=owner("studio"), number=1, waits_since=now() - timedelta(minutes=4))
    page = person(staff=True).get("/operator/details").content.decode()
    ages = dict(
        re.findall(r"<td>(\w+)</td>\s*<td data-label=\"Type\">[^<]+</td>\s*<td class=\"number\"[^>]+>([^<]+)", page)
    )
    assert ages.pop("files") == "4 min"
    assert ages.keys() | {"files"} == all_queues()
    assert set(ages.values()) == {"–"}


def test_each_failed_check_is_one_sentence(own: Services) -> None:
    record_heartbeats()
    studio = owner("studio")
    work = register(own, studio, photograph(1)).work
    crawl_slice, epoch = claim_new_slice(studio)
    record_sightings(own, crawl_slice, epoch, [recompress(photograph(1))])
    Picture.objects.filter(state="todo").update(waits_since=now() - timedelta(hours=3))
    WorkPicture.objects.update(state="failed", error=CHANGED_ERROR)
    known_copy = canaries.add_known_copy(work, crawl_slice.crawl.watch, "http://watch.example/", by="Ann")
    known_copy.added_at = now() - timedelta(days=1)
    known_copy.save()
    Crawl.objects.update(finished_at=now(), state="done")
    Watch.objects.update(next_run_at=now() - timedelta(hours=1))
    moment = now() - timedelta(days=1)
    WitnessState.objects.create(kind="opentimestamps", witness="bitcoin", silent_since=moment, error="No route.")
    own.config = replace(own.config, disk_floor_bytes=2**62, witnesses_needed=2)
    (own.config.data_dir / "log.head").write_bytes(b"\xff")
    checks = [check for check in health.checks(status_of(own), own.config) if not check.ok]
    crawls = f"watches/{crawl_slice.crawl.watch.number}/crawls --owner studio"
    assert any(check.remedy.endswith(crawls) for check in checks)
    assert sorted(check.name for check in checks) == sorted(
        ["disk", "late", "given up", "crawls", "canary", "log", "witnesses", "witness bitcoin"]
    )
    assert any("No route." in check.sentence and "bitcoin" in check.sentence for check in checks)


def test_index_lag_is_shown(own: Services) -> None:
    status = status_of(own)
    behind = replace(status, indexes=[IndexState("works", "sscd", 10, 4_321, 0, 0)])
    (index_check,) = [check for check in health.checks(behind, own.config) if check.name == "indexes"]
    assert (index_check.ok, numbers_in(index_check.sentence)) == (True, ["4321"])


def test_contributors_are_listed_with_results_and_reasons_for_removal(own: Services) -> None:
    client = person(staff=True)
    assert "Contributors" not in client.get("/operator/details").content.decode()
    row, _ = contributors.invite("Ann", by="operator")
    heartbeats.add_time("edge", rows=1, seconds=0.5, processor_seconds=0.5)
    Contributor.objects.update(pictures=1_234, seconds=5_678, checked=91, wrong=2)
    page = client.get("/operator/details").content.decode()
    table = page[page.index('id="contributors"') : page.index('id="witnesses"')]
    cells = [cell.strip() for cell in re.findall(r"<td[^>]*>([^<]*)", table)]
    assert cells == ["Ann", "1,234", "5,678", "91", "2", "–"]
    contributors.remove_contributor(row, by="", reason=leases.FALSE_MEASUREMENTS, drop=True)
    assert leases.FALSE_MEASUREMENTS in client.get("/operator/details").content.decode()


def test_timestamp_service_counts_as_responding_only_after_a_response(own: Services) -> None:
    def read_messages() -> list[str]:
        return numbers_in(check_sentence(own, "witnesses"))

    assert read_messages() == ["0", "1"]
    state = WitnessState.objects.create(kind="opentimestamps", witness="bitcoin", answered_at=now())
    assert read_messages() == ["1", "1"]
    WitnessState.objects.filter(pk=state.pk).update(silent_since=now())
    assert read_messages() == ["0", "1"]


def test_reopened_cases_and_expired_pictures_raise_no_alert(own: Services) -> None:
    record_heartbeats()
    studio = owner("studio")
    case = Case.objects.create(
        owner=studio, number=1, work=register(own, studio, photograph(1)).work, party="a", opened_at=now()
    )
    Bundle.objects.create(case=case, number=1, state="failed", error=REOPENED)
    Picture.objects.create(digest=own.blobs.put(b"a"), size=1, first_seen=now(), state="failed", bytes_state="expired")
    assert failed_checks(own) == []
    assert try_again(own.enqueue, "seal") == try_again(own.enqueue, "match") == 0


@pytest.mark.long
def test_failed_jobs_are_retried_by_reason(own: Services) -> None:
    client, jobs = person(staff=True), []
    own.enqueue = lambda rows, ids, **_: jobs.append((job_of(rows).name, list(ids)))
    rows = [
        Picture.objects.create(
            digest=own.blobs.put(bytes([index])), size=1, first_seen=now(), state="failed", error=reason, attempts=5
        ).pk
        for index, reason in enumerate([CHANGED_ERROR, CHANGED_ERROR, "<b>Other</b>"])
    ]
    page = client.get("/operator/").content.decode()
    assert "&lt;b&gt;Other&lt;/b&gt;" in page
    response = client.post("/operator/retry", {"step": "match", "key": to_text(CHANGED_ERROR)}, follow=True)
    assert message_levels(response) == ["success"]
    assert jobs == [("match", rows[:2])]
    refreshed_picture = Picture.objects.get(pk=rows[0])
    assert (refreshed_picture.state, refreshed_picture.attempts, refreshed_picture.error) == ("todo", 0, "")
    assert Picture.objects.get(pk=rows[2]).state == "failed"
    response = client.post("/operator/retry", {"step": "match", "key": to_text(CHANGED_ERROR)}, follow=True)
    assert message_levels(response) == ["info"]
    assert message_levels(client.post("/operator/retry", {"step": "x"}, follow=True)) == ["error"]


@pytest.mark.long
def test_permanent_failures_can_be_dismissed(own: Services) -> None:
    record_heartbeats()
    client = person(staff=True)
    lost, other = (
        Picture.objects.create(
            digest=own.blobs.put(data), size=1, first_seen=now(), state="failed", error=reason, attempts=5
        )
        for data, reason in ((b"1", "Line one.\nLine two."), (b"2", "Other."))
    )
    form = {"step": "match", "key": "Line one.\r\nLine two."}
    assert message_levels(client.post("/operator/leave", form, follow=True)) == ["success"]
    assert numbers_in(check_sentence(own, "given up")) == ["1"]
    lost.refresh_from_db()
    assert (lost.state, lost.error) == ("failed", "Line one.\nLine two.")
    Picture.objects.filter(pk=lost.pk).update(error="Another reason.")
    assert [failure.error for failure in failures() if not failure.dismissed] == ["Another reason.", "Other."]
    Picture.objects.filter(pk=lost.pk).update(error="Line one.\nLine two.")
    assert message_levels(client.post("/operator/retry", form, follow=True)) == ["success"]
    Picture.objects.filter(pk=lost.pk).update(state="failed", error="Line one.\nLine two.")
    assert [failure.dismissed for failure in failures()] == [False, False]
    assert "There is no step" in client.post("/operator/leave", {"step": "x"}, follow=True).content.decode()
    other.refresh_from_db()
    assert (other.state, other.error) == ("failed", "Other.")


@pytest.mark.long
def test_status_page_needs_few_queries(
    own: Services, django_capture_on_commit_callbacks: Callable[..., AbstractContextManager[list[object]]]
) -> None:
    client = person(staff=True)
    with django_capture_on_commit_callbacks(execute=True):  # a process looks this up once
        client.get("/operator/")
    studio = owner("shop")
    for index in range(5):
        work = register(own, studio, photograph(index)).work
        crawl_slice, epoch = claim_new_slice(studio, f"watch{index}")
        record_sightings(own, crawl_slice, epoch, [photograph(10 + index)])
        canaries.add_known_copy(work, crawl_slice.crawl.watch, f"http://watch{index}.example/", by="Ann")
    Crawl.objects.update(finished_at=now(), state="done")
    WorkPicture.objects.update(state="failed", error=CHANGED_ERROR)
    sequence_log(own)
    assert sign_checkpoint(own) is not None
    for address in ("/operator/", "/operator/details"):
        with CaptureQueriesContext(connection) as queries:
            client.get(address)
        assert len(queries) <= 30, "\n".join(query["sql"][:100] for query in queries)


def test_counts_stop_at_a_limit(own: Services) -> None:
    rows = [Picture(digest=Digest.of(bytes([n])), size=1, first_seen=now(), state="todo") for n in range(5)]
    rows[4].held_since, rows[4].error = now(), "No room."
    Picture.objects.bulk_create(rows)
    Picture.objects.filter(digest=rows[2].digest).update(waits_since=now() - timedelta(hours=3))
    assert [(queue.waiting_rows, queue.in_all) for queue in (by_task()["match"], by_task(3)["match"])] == [
        (5, "5"),
        (3, "3+"),
    ]
    assert by_task(3)["match"].oldest == by_task()["match"].oldest
    assert [held_up(), held_up(3)] == [{"match": "No room."}, {}]
    (late_check,) = [queue for queue in health.checks(status_of(own, 3), own.config) if queue.name == "late"]
    assert numbers_in(late_check.sentence) == ["3", "3"]
    assert "3+" in late_check.sentence


def test_cost_is_measured_seconds_times_the_price(own: Services) -> None:
    heartbeats.add_time("match", rows=200, seconds=100, processor_seconds=50)
    heartbeats.add_time("slice", rows=0, seconds=900, processor_seconds=30)
    durations = heartbeats.usage_since(now())
    costs = costs_of(durations, "0.36 EUR")
    assert costs.total is not None
    assert costs.pictures == 200
    assert costs.total.hours == pytest.approx(1_000_000 * 80 / 200 / 3600)
    assert [(step.step, str(step.money)) for step in costs.steps] == [("match", "25.00"), ("slice", "15.00")]
    assert str(costs.total.money) == "40.00"
    own.config = replace(own.config, processor_hour_price="0.36 EUR")
    assert "40.00 EUR" in person(staff=True).get("/operator/details").content.decode()
    StepTime.objects.filter(step="match").update(rows=99)
    assert costs_of(heartbeats.usage_since(now()), "").total is None


@pytest.mark.long
def test_operator_retries_jobs_on_a_phone(site: Site) -> None:
    Picture.objects.create(
        digest=site.services.blobs.put(b"a"),
        size=1,
        first_seen=now(),
        state="failed",
        error=CHANGED_ERROR + " word" * 60,
    )
    record_heartbeats()
    heartbeats.add_time("match", rows=200, seconds=100, processor_seconds=50)
    heartbeats.add_time("edge", rows=1, seconds=0.5, processor_seconds=0.5)
    contributors.remove_contributor(
        contributors.invite("Ann", by="operator")[0], by="", reason=leases.FALSE_MEASUREMENTS, drop=True
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


def test_failure_reasons_are_in_the_operators_language(own: Services) -> None:
    record_heartbeats()
    moment = now() - timedelta(days=1)
    errors = [Sentence("https://%(place)s did not respond.", place=place) for place in ("a.example", "b.example")]
    reason = following(Sentence("No calendar of %(name)s accepted the digest:", name="bitcoin"), *errors)
    WitnessState.objects.create(kind="opentimestamps", witness="bitcoin", silent_since=moment, error=reason)
    (own.config.data_dir / "log.head").write_bytes(b"\xff")
    client = person(staff=True)
    assert "https://b.example did not respond." in client.get("/operator/").content.decode()
    chinese = client.get("/operator/", headers={"Accept-Language": "zh-CN"}).content.decode()
    assert "https://b.example 没有答复。" in chinese
    assert "最后签名的内容无法确定。" in chinese
    for english in ("accepted the digest", "respond.", "signed last", "opentimestamps"):
        assert english not in chinese, english


def test_large_numbers_are_grouped_by_thousands(own: Services) -> None:
    studio = owner("studio")
    claim_new_slice(studio)
    Crawl.objects.update(pages=20_000)
    client = person(staff=True)
    for language in ("en", "zh-CN"):
        page = client.get("/operator/details", headers={"Accept-Language": language}).content.decode()
        assert ">20,000</td>" in page


def test_only_the_operator_adds_and_removes_timestamp_services(
    inline: SyncRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    use_services(monkeypatch, inline.services)
    client, other = person(staff=True), person(staff=False)
    page = client.get("/operator/witnesses").content.decode()
    assert all(text in page for text in ("FreeTSA", "OpenTimestamps"))
    assert other.get("/operator/witnesses").status_code == 404
    with run_authority(tmp_path) as authority:
        offer_service(monkeypatch, authority)
        assert other.post("/operator/witnesses/near/add").status_code == 404
        response = client.post("/operator/witnesses/near/add", follow=True)
    assert message_levels(response) == ["success"]
    assert not select(response, "#offered")
    assert message_levels(client.post("/operator/witnesses/near/remove", follow=True)) == ["success"]
    refused_response = client.post("/operator/witnesses/near/add", follow=True)  # it is no longer running
    assert message_levels(refused_response) == ["error"]
    assert authority.url in select(refused_response, ".message.error::text").get("")


def test_own_timestamp_service_is_added_with_its_root_after_a_response(
    inline: SyncRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    inline.services.config = replace(inline.services.config, allowed_networks=("127.0.0.0/8",))
    use_services(monkeypatch, inline.services)
    client = person(staff=True)

    def add_service(**fields: object) -> Any:  # noqa: ANN401 - what a client got
        form = {"kind": "rfc3161", "name": "house.tsa", **fields}
        return client.post("/operator/witnesses/own", form, follow=True)

    def is_refused(**fields: object) -> bool:
        response = add_service(**fields)
        return (response.status_code, message_levels(response)) == (422, ["error"])

    with run_authority(tmp_path) as authority:
        root = SimpleUploadedFile("root.pem", authority.root_pem)
        invalid_root = SimpleUploadedFile("root.pem", b"no root")
        assert is_refused(urls=authority.url, roots=invalid_root)
        typed_url = select(add_service(urls=authority.url), "details[open] #tsa-urls::attr(value)").get()
        assert typed_url == authority.url, "what was typed stays"
        assert is_refused(urls=authority.url)
        assert is_refused(urls=authority.url, roots=root, name="../x")
        assert is_refused(urls="ftp://a.example", roots=SimpleUploadedFile("r", authority.root_pem))
        assert is_refused(urls=authority.url, kind="oracle")
        inline.services.config = replace(inline.services.config, allowed_networks=())
        for url in (authority.url, "http://169.254.169.254/latest", "http://localhost:1"):
            root.seek(0)
            assert is_refused(urls=url, roots=root)
        assert not AddedWitness.objects.exists()
        inline.services.config = replace(inline.services.config, allowed_networks=("127.0.0.0/8",))
        root.seek(0)
        assert message_levels(add_service(urls=authority.url, roots=root)) == ["success"]
        root.seek(0)
        assert is_refused(urls=authority.url, roots=root)
    (row,) = AddedWitness.objects.all()
    assert (row.kind, row.settings, "BEGIN CERTIFICATE" in row.roots) == ("rfc3161", {"urls": [authority.url]}, True)
    client.post("/operator/witnesses/house.tsa/remove")
    assert not AddedWitness.objects.exists()


def test_chain_is_added_by_key_file_name_and_its_key_is_not_shown(
    inline: SyncRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.assets.evm_ledger import KEY, running_ledger  # takes a second to load

    inline.services.config = replace(inline.services.config, allowed_networks=("127.0.0.0/8",))
    use_services(monkeypatch, inline.services)
    client, folder = person(staff=True), inline.services.config.data_dir / "secrets" / "chains"
    folder.mkdir(parents=True)
    (folder / "near.key").write_text(KEY.hex())
    (folder / "near.key").chmod(0o600)
    with running_ledger() as ledger:
        form = {"kind": "evm", "name": "near", "urls": f"{ledger.url}/providers-key", "key_file": "near.key"}
        form |= {"chain_id": str(ledger.chain.chain_id), "contract": f"0x{ledger.contract.hex()}", "gas_price": "0"}

        def add_chain(**fields: str) -> str:
            return client.post("/operator/witnesses/own", form | fields, follow=True).content.decode()

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
    details = LogOpening.objects.filter(content__what="witness added").get().details
    assert details is not None
    assert details["urls"] == [ledger.url]


def test_public_url_and_contact_are_saved_and_apply_after_restart(
    own: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_heartbeats()
    client, file = person(staff=True), own.config.data_dir / "exhibit.toml"
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
    assert failed_checks(own) == ["settings"]
    assert "public_url" in check_sentence(own, "settings")
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


def test_missing_crawler_contact_is_reported(own: Services) -> None:
    record_heartbeats()
    own.config = replace(own.config, contact="")
    (own.config.data_dir / "exhibit.toml").unlink()
    assert failed_checks(own) == []  # nothing is visited
    claim_new_slice(owner("studio"))
    assert failed_checks(own) == ["contact"]
    assert "/operator/settings" in person(staff=True).get("/operator/").content.decode()


def test_update_check_runs_only_where_the_operator_enables_it(own: Services) -> None:
    record_heartbeats()

    updates.look(own)
    nobody_asked = check_sentence(own, "version")
    assert __version__ in nobody_asked
    site = Served()
    site.answers["/latest"] = answer(b'{"tag_name": "v99.1", "body": "<b>"}')
    with site.running():
        own.config = replace(own.config, update_url=f"{site.url}/latest")
        with pytest.raises(RefusedError):  # it may be known from a page, so a number is not enough
            updates.look(own)
        own.config = replace(own.config, allowed_networks=("127.0.0.0/8",))
        (own.config.data_dir / updates.CHECKED_AT).unlink()
        for _day in range(2):
            updates.look(own)
    ((_, headers),) = site.asked
    assert not {"Cookie", "From", "Referer"} & set(headers)
    assert (headers["User-Agent"], __version__ in str(headers)) == ("Exhibit", False)
    assert failed_checks(own) == ["version"]
    assert all(version in check_sentence(own, "version") for version in ("99.1", __version__))
    (own.config.data_dir / updates.CHECKED_AT).unlink()
    release = updates.newest(own.config)
    with pytest.raises(RequestException):  # no server responds
        updates.look(own)
    assert updates.newest(own.config) == release
    own.config = replace(own.config, update_url="https://other.example/latest")
    assert updates.newest(own.config) is None
    assert check_sentence(own, "version") != nobody_asked


@pytest.mark.parametrize(
    ("text", "version"),
    [(b"1.2\n", "1.2"), (b"v1.2.3", "1.2.3"), (b'"1.2"', "1.2"), (b'{"info": {"version": "1.2"}}', "1.2")],
)
def test_version_is_read_from_text_or_json(text: bytes, version: str) -> None:
    assert updates.version_in(text) == version
    for body in (b"12", b"[1.2]", b"<b>1.2</b>", b"[" * 60_000):
        with pytest.raises(ServiceMissingError):
            updates.version_in(body)


def test_changing_the_public_url_requires_reauthentication_and_notifies_operators(
    own: Services, mailoutbox: list[EmailMessage]
) -> None:
    client, file = person(staff=True), own.config.data_dir / "exhibit.toml"
    User.objects.create_user("second@example.org", "second@example.org", is_staff=True)
    manager = User.objects.get(username="operator@example.org")
    manager.set_password("a long password")
    manager.save()
    client.force_login(manager)
    for address in ("/operator/settings", "/operator/witnesses/own", "/operator/witnesses/near/add"):
        response = client.post(address, {"public_url": "https://evil.example"})
        assert response.headers["Location"].startswith("/account/reauthenticate/"), address
    assert editable_settings(own.config.data_dir) == {"contact": "ann@example.org"}
    response = client.post("/operator/settings", {"public_url": "https://new.example"})
    other_response = client.post(response.headers["Location"], {"password": "a long password"}, follow=True)
    assert message_levels(other_response) == ["success"]
    assert 'public_url = "https://new.example"' in file.read_text()
    assert [mail.to for mail in mailoutbox] == [["operator@example.org"], ["second@example.org"]]
    assert "https://new.example" in mailoutbox[0].body


def test_concurrent_settings_changes_are_serialised(own: Services) -> None:
    (own.config.data_dir / "exhibit.toml").write_text('contact = "old@example.org"\n')
    with connection.copy().cursor() as other, connection.cursor() as cursor:
        other.execute("SELECT pg_advisory_lock(%s, %s)", [LOCKS, Lock.SETTINGS])
        cursor.execute("SET LOCAL lock_timeout = '50ms'")
        with pytest.raises(OperationalError, match="lock timeout"):
            change_settings(own.config, {"contact": "new@example.org"}, by="ann")
        other.connection.close()
    assert not LogOpening.objects.filter(content__what="settings changed").exists()
    assert editable_settings(own.config.data_dir) == {"contact": "old@example.org"}
