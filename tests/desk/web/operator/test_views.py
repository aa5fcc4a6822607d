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
from evidence.development.authority import running_authority
from exhibit import __version__
from exhibit.clock import now
from exhibit.config.written import written
from exhibit.digests import Digest
from exhibit.errors import RefusedError, ServiceMissingError
from exhibit.sentences import Sentence, following, to_text
from registry.bundles.models import OPENED_AGAIN
from registry.crawls import canaries
from registry.db import running
from registry.db.locks import LOCKS, Lock
from registry.edge import contributors, leases
from registry.jobs import job_of
from registry.log.sequencer import sequence_log, sign_checkpoint
from registry.log.site_settings import change
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
from tests.assets.rows import bring, claimed_slice, copy_of, owner, photograph, register
from tests.assets.site_browser import PHONE, Site, use_house
from tests.registry.log.test_added_witnesses import offer_it
from workers.operations import health, updates
from workers.operations.backlog import by_task, failures, held_up, try_again
from workers.operations.capacity import costs_of
from workers.operations.status import status_of
from workers.pipeline.celery import all_queues
from workers.tasks.sync_runner import SyncRunner

GONE = Sentence("The stored bytes of %(digest)s have changed.", digest="ab12")


def person(*, staff: bool) -> Client:
    name = "operator" if staff else "alice"
    user = User.objects.create_user(username=f"{name}@example.org", email=f"{name}@example.org", is_staff=staff)
    if not staff:
        Membership.objects.create(user=user, owner=owner("studio"), role=Role.OWNER)
    client = Client()
    client.force_login(user)
    return client


def make_well() -> None:
    """Record the heartbeats of a running product."""
    for name, queues in (("worker-interactive@here", "default"), ("worker@here", ",".join(all_queues() - {"default"}))):
        running.beat(name, queues)
    running.beat(running.TICK)


@pytest.fixture
def own(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> Services:
    """An installation with a timestamp service, whose page the client sees."""
    given = OpenTimestampsConfig(kind="opentimestamps", name="bitcoin", urls=("http://127.0.0.1:9",), development=True)
    inline.services.config = replace(inline.services.config, anchors=(given,), contact="ann@example.org")
    (inline.services.config.data_dir / "exhibit.toml").write_text('contact = "ann@example.org"\n')
    use_house(monkeypatch, inline.services)
    return inline.services


def failed(services: Services) -> list[str]:
    """Return the names of the checks that did not pass."""
    return [one.name for one in health.checks(status_of(services), services.config) if not one.ok]


def sentence_of(services: Services, name: str) -> str:
    return next(one.sentence for one in health.checks(status_of(services), services.config) if one.name == name)


def test_nobody_but_the_operator_sees_it(own: Services) -> None:
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
    assert b'href="/operator/"' not in person_page(staff=False)
    assert b'href="/operator/"' in person_page(staff=True)


def person_page(*, staff: bool) -> bytes:
    client = Client()
    user = User.objects.filter(is_staff=staff).first() or User.objects.create_user(
        "op", "op@example.org", is_staff=staff
    )
    client.force_login(user)
    return client.get("/accuracy/").content


def test_when_all_is_well_the_page_says_so(own: Services) -> None:
    make_well()
    client = person(staff=True)
    assert not select(client.get("/operator/"), ".amiss")
    assert failed(own) == []


def test_without_workers_it_says_what_to_do(own: Services) -> None:
    assert failed(own) == ["workers"]
    make_well()
    Heartbeat.objects.filter(name="worker@here").delete()
    assert failed(own) == ["workers"]
    assert ", ".join(sorted(all_queues() - {"default"})) in sentence_of(own, "workers")
    make_well()
    Heartbeat.objects.filter(name="worker@here").update(seen_at=now() - timedelta(minutes=5))
    assert failed(own) == ["workers", "worker"]
    assert "worker@here" in sentence_of(own, "worker")
    make_well()
    Heartbeat.objects.filter(name=running.TICK).update(seen_at=now() - timedelta(minutes=5))
    assert failed(own) == ["tick"]


def test_each_queue_says_how_long_its_oldest_row_has_waited(own: Services) -> None:
    Report.objects.create(owner=owner("studio"), number=1, waits_since=now() - timedelta(minutes=4))
    page = person(staff=True).get("/operator/details").content.decode()
    said = dict(
        re.findall(r"<td>(\w+)</td>\s*<td data-label=\"What\">[^<]+</td>\s*<td class=\"number\"[^>]+>([^<]+)", page)
    )
    assert said.pop("files") == "4 min"
    assert said.keys() | {"files"} == all_queues()
    assert set(said.values()) == {"–"}


def test_each_thing_that_is_amiss_is_one_sentence(own: Services) -> None:
    make_well()
    studio = owner("studio")
    work = register(own, studio, photograph(1)).work
    planned, epoch = claimed_slice(studio)
    bring(own, planned, epoch, [copy_of(photograph(1))])
    Picture.objects.filter(state="todo").update(waits_since=now() - timedelta(hours=3))
    WorkPicture.objects.update(state="failed", error=GONE)
    canary = canaries.plant(work, planned.crawl.watch, "http://watch.example/", by="Ann")
    canary.added_at = now() - timedelta(days=1)
    canary.save()
    Crawl.objects.update(finished_at=now(), state="done")
    Watch.objects.update(next_run_at=now() - timedelta(hours=1))
    moment = now() - timedelta(days=1)
    WitnessState.objects.create(kind="opentimestamps", witness="bitcoin", silent_since=moment, error="No route.")
    own.config = replace(own.config, disk_floor_bytes=2**62, witnesses_needed=2)
    (own.config.data_dir / "log.head").write_bytes(b"\xff")
    checks = [one for one in health.checks(status_of(own), own.config) if not one.ok]
    crawls = f"watches/{planned.crawl.watch.number}/crawls --owner studio"
    assert any(one.remedy.endswith(crawls) for one in checks)
    assert sorted(one.name for one in checks) == sorted(
        ["disk", "late", "failed", "crawls", "canary", "log", "witnesses", "witness bitcoin"]
    )
    assert any("No route." in one.sentence and "bitcoin" in one.sentence for one in checks)


def test_how_far_indexes_are_behind_is_said(own: Services) -> None:
    found = status_of(own)
    behind = replace(found, indexes=[IndexState("works", "sscd", 10, 4_321, 0, 0)])
    (said,) = [one for one in health.checks(behind, own.config) if one.name == "indexes"]
    assert (said.ok, numbers_in(said.sentence)) == (True, ["4321"])


def test_contributors_stand_there_with_what_they_did_and_why_one_was_thrown_out(own: Services) -> None:
    client = person(staff=True)
    assert "Contributors" not in client.get("/operator/details").content.decode()
    row, _ = contributors.invite("Ann", by="operator")
    running.add_time("edge", rows=1, seconds=0.5, processor_seconds=0.5)
    Contributor.objects.update(pictures=1_234, seconds=5_678, checked=91, wrong=2)
    page = client.get("/operator/details").content.decode()
    table = page[page.index('id="contributors"') : page.index('id="witnesses"')]
    cells = [cell.strip() for cell in re.findall(r"<td[^>]*>([^<]*)", table)]
    assert cells == ["Ann", "1,234", "5,678", "91", "2", "–"]
    contributors.throw_out(row, by="", reason=leases.FALSE, drop=True)
    assert leases.FALSE in client.get("/operator/details").content.decode()


def test_only_a_witness_that_has_answered_is_said_to_answer(own: Services) -> None:
    def said() -> list[str]:
        return numbers_in(sentence_of(own, "witnesses"))

    assert said() == ["0", "1"]
    state = WitnessState.objects.create(kind="opentimestamps", witness="bitcoin", answered_at=now())
    assert said() == ["1", "1"]
    WitnessState.objects.filter(pk=state.pk).update(silent_since=now())
    assert said() == ["0", "1"]


def test_a_case_that_was_opened_again_and_expired_pictures_are_nobodys_worry(own: Services) -> None:
    make_well()
    studio = owner("studio")
    case = Case.objects.create(
        owner=studio, number=1, work=register(own, studio, photograph(1)).work, party="a", opened_at=now()
    )
    Bundle.objects.create(case=case, number=1, state="failed", error=OPENED_AGAIN)
    Picture.objects.create(digest=own.blobs.put(b"a"), size=1, first_seen=now(), state="failed", bytes_state="expired")
    assert failed(own) == []
    assert try_again(own.enqueue, "seal") == try_again(own.enqueue, "match") == 0


@pytest.mark.long
def test_what_was_given_up_is_tried_again_by_reason(own: Services) -> None:
    client, told = person(staff=True), []
    own.enqueue = lambda rows, ids, **_: told.append((job_of(rows).name, list(ids)))
    rows = [
        Picture.objects.create(
            digest=own.blobs.put(bytes([place])), size=1, first_seen=now(), state="failed", error=why, attempts=5
        ).pk
        for place, why in enumerate([GONE, GONE, "<b>Other</b>"])
    ]
    page = client.get("/operator/").content.decode()
    assert "&lt;b&gt;Other&lt;/b&gt;" in page
    answer = client.post("/operator/retry", {"step": "match", "key": to_text(GONE)}, follow=True)
    assert message_levels(answer) == ["success"]
    assert told == [("match", rows[:2])]
    again = Picture.objects.get(pk=rows[0])
    assert (again.state, again.attempts, again.error) == ("todo", 0, "")
    assert Picture.objects.get(pk=rows[2]).state == "failed"
    answer = client.post("/operator/retry", {"step": "match", "key": to_text(GONE)}, follow=True)
    assert message_levels(answer) == ["info"]
    assert message_levels(client.post("/operator/retry", {"step": "x"}, follow=True)) == ["error"]


@pytest.mark.long
def test_what_nobody_can_mend_is_left_as_it_is_and_told_no_more(own: Services) -> None:
    make_well()
    client = person(staff=True)
    lost, other = (
        Picture.objects.create(
            digest=own.blobs.put(data), size=1, first_seen=now(), state="failed", error=why, attempts=5
        )
        for data, why in ((b"1", "Line one.\nLine two."), (b"2", "Other."))
    )
    sent = {"step": "match", "key": "Line one.\r\nLine two."}
    assert message_levels(client.post("/operator/leave", sent, follow=True)) == ["success"]
    assert numbers_in(sentence_of(own, "failed")) == ["1"]
    lost.refresh_from_db()
    assert (lost.state, lost.error) == ("failed", "Line one.\nLine two.")
    Picture.objects.filter(pk=lost.pk).update(error="Another reason.")
    assert [one.error for one in failures() if not one.dismissed] == ["Another reason.", "Other."]
    Picture.objects.filter(pk=lost.pk).update(error="Line one.\nLine two.")
    assert message_levels(client.post("/operator/retry", sent, follow=True)) == ["success"]
    Picture.objects.filter(pk=lost.pk).update(state="failed", error="Line one.\nLine two.")
    assert [one.dismissed for one in failures()] == [False, False]
    assert "There is no step" in client.post("/operator/leave", {"step": "x"}, follow=True).content.decode()
    other.refresh_from_db()
    assert (other.state, other.error) == ("failed", "Other.")


@pytest.mark.long
def test_the_page_asks_few_questions(
    own: Services, django_capture_on_commit_callbacks: Callable[..., AbstractContextManager[list[object]]]
) -> None:
    client = person(staff=True)
    with django_capture_on_commit_callbacks(execute=True):  # a process looks this up once
        client.get("/operator/")
    studio = owner("shop")
    for place in range(5):
        work = register(own, studio, photograph(place)).work
        planned, epoch = claimed_slice(studio, f"watch{place}")
        bring(own, planned, epoch, [photograph(10 + place)])
        canaries.plant(work, planned.crawl.watch, f"http://watch{place}.example/", by="Ann")
    Crawl.objects.update(finished_at=now(), state="done")
    WorkPicture.objects.update(state="failed", error=GONE)
    sequence_log(own)
    assert sign_checkpoint(own) is not None
    for address in ("/operator/", "/operator/details"):
        with CaptureQueriesContext(connection) as asked:
            client.get(address)
        assert len(asked) <= 30, "\n".join(one["sql"][:100] for one in asked)


def test_counting_ends_where_a_page_would_get_slow(own: Services) -> None:
    rows = [Picture(digest=Digest.of(bytes([n])), size=1, first_seen=now(), state="todo") for n in range(5)]
    rows[4].held_since, rows[4].error = now(), "No room."
    Picture.objects.bulk_create(rows)
    Picture.objects.filter(digest=rows[2].digest).update(waits_since=now() - timedelta(hours=3))
    assert [(one.waiting, one.in_all) for one in (by_task()["match"], by_task(3)["match"])] == [(5, "5"), (3, "3+")]
    assert by_task(3)["match"].oldest == by_task()["match"].oldest
    assert [held_up(), held_up(3)] == [{"match": "No room."}, {}]
    (late,) = [one for one in health.checks(status_of(own, 3), own.config) if one.name == "late"]
    assert numbers_in(late.sentence) == ["3", "3"]
    assert "3+" in late.sentence


def test_cost_is_measured_seconds_times_the_price(own: Services) -> None:
    running.add_time("match", rows=200, seconds=100, processor_seconds=50)
    running.add_time("slice", rows=0, seconds=900, processor_seconds=30)
    taken = running.taken_since(now())
    costs = costs_of(taken, "0.36 EUR")
    assert costs.total is not None
    assert costs.pictures == 200
    assert costs.total.hours == pytest.approx(1_000_000 * 80 / 200 / 3600)
    assert [(one.step, str(one.money)) for one in costs.steps] == [("match", "25.00"), ("slice", "15.00")]
    assert str(costs.total.money) == "40.00"
    own.config = replace(own.config, processor_hour_price="0.36 EUR")
    assert "40.00 EUR" in person(staff=True).get("/operator/details").content.decode()
    StepTime.objects.filter(step="match").update(rows=99)
    assert costs_of(running.taken_since(now()), "").total is None


@pytest.mark.long
def test_the_operator_looks_at_it_on_a_phone_and_tries_again(site: Site) -> None:
    Picture.objects.create(
        digest=site.services.blobs.put(b"a"), size=1, first_seen=now(), state="failed", error=GONE + " word" * 60
    )
    make_well()
    running.add_time("match", rows=200, seconds=100, processor_seconds=50)
    running.add_time("edge", rows=1, seconds=0.5, processor_seconds=0.5)
    contributors.throw_out(contributors.invite("Ann", by="operator")[0], by="", reason=leases.FALSE, drop=True)
    boss = User.objects.create_user("boss@example.org", "boss@example.org", is_staff=True)
    ann = site.signed_in(boss, size=PHONE)
    ann.open("/operator/")
    ann.check()
    ann.buttons_to("operator-retry").first.click()
    expect(ann.page.locator(".message.success")).to_have_count(1)
    ann.check()
    Picture.objects.update(state="failed", error=GONE)
    ann.open("/operator/")
    ann.page.locator("button[formaction]").first.click()
    ann.page.locator("main details summary").last.click()
    ann.check()


def test_reasons_are_said_in_the_operators_language(own: Services) -> None:
    make_well()
    moment = now() - timedelta(days=1)
    silent = [Sentence("https://%(place)s did not respond.", place=place) for place in ("a.example", "b.example")]
    why = following(Sentence("No calendar of %(name)s accepted the digest:", name="bitcoin"), *silent)
    WitnessState.objects.create(kind="opentimestamps", witness="bitcoin", silent_since=moment, error=why)
    (own.config.data_dir / "log.head").write_bytes(b"\xff")
    client = person(staff=True)
    assert "https://b.example doesn&#x27;t answer." in client.get("/operator/").content.decode()
    chinese = client.get("/operator/", headers={"Accept-Language": "zh-CN"}).content.decode()
    assert "https://b.example 没有答复。" in chinese
    assert "最后签名的内容无法确定。" in chinese
    for english in ("took the digest", "answer.", "signed last", "opentimestamps"):
        assert english not in chinese, english


def test_large_numbers_have_their_thousands_apart(own: Services) -> None:
    studio = owner("studio")
    claimed_slice(studio)
    Crawl.objects.update(pages=20_000)
    client = person(staff=True)
    for language in ("en", "zh-CN"):
        page = client.get("/operator/details", headers={"Accept-Language": language}).content.decode()
        assert ">20,000</td>" in page


def test_witnesses_are_added_and_removed_by_the_operator_alone(
    inline: SyncRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    use_house(monkeypatch, inline.services)
    client, other = person(staff=True), person(staff=False)
    page = client.get("/operator/witnesses").content.decode()
    assert all(text in page for text in ("FreeTSA", "OpenTimestamps"))
    assert other.get("/operator/witnesses").status_code == 404
    with running_authority(tmp_path) as authority:
        offer_it(monkeypatch, authority)
        assert other.post("/operator/witnesses/near/add").status_code == 404
        added = client.post("/operator/witnesses/near/add", follow=True)
    assert message_levels(added) == ["success"]
    assert not select(added, "#offered")
    assert message_levels(client.post("/operator/witnesses/near/remove", follow=True)) == ["success"]
    refused = client.post("/operator/witnesses/near/add", follow=True)  # it is no longer running
    assert message_levels(refused) == ["error"]
    assert authority.url in select(refused, ".message.error::text").get("")


def test_a_witness_of_ones_own_choice_is_added_with_its_root_once_it_has_answered(
    inline: SyncRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    inline.services.config = replace(inline.services.config, allowed_networks=("127.0.0.0/8",))
    use_house(monkeypatch, inline.services)
    client = person(staff=True)

    def add(**given: object) -> Any:  # noqa: ANN401 - what a client got
        sent = {"kind": "rfc3161", "name": "house.tsa", **given}
        return client.post("/operator/witnesses/own", sent, follow=True)

    def refuses(**given: object) -> bool:
        answer = add(**given)
        return (answer.status_code, message_levels(answer)) == (422, ["error"])

    with running_authority(tmp_path) as authority:
        root = SimpleUploadedFile("root.pem", authority.root_pem)
        wrong = SimpleUploadedFile("root.pem", b"no root")
        assert refuses(urls=authority.url, roots=wrong)
        kept = select(add(urls=authority.url), "details[open] #tsa-urls::attr(value)").get()
        assert kept == authority.url, "what was typed stays"
        assert refuses(urls=authority.url)
        assert refuses(urls=authority.url, roots=root, name="../x")
        assert refuses(urls="ftp://a.example", roots=SimpleUploadedFile("r", authority.root_pem))
        assert refuses(urls=authority.url, kind="oracle")
        inline.services.config = replace(inline.services.config, allowed_networks=())
        for url in (authority.url, "http://169.254.169.254/latest", "http://localhost:1"):
            root.seek(0)
            assert refuses(urls=url, roots=root)
        assert not AddedWitness.objects.exists()
        inline.services.config = replace(inline.services.config, allowed_networks=("127.0.0.0/8",))
        root.seek(0)
        assert message_levels(add(urls=authority.url, roots=root)) == ["success"]
        root.seek(0)
        assert refuses(urls=authority.url, roots=root)
    (row,) = AddedWitness.objects.all()
    assert (row.kind, row.settings, "BEGIN CERTIFICATE" in row.roots) == ("rfc3161", {"urls": [authority.url]}, True)
    client.post("/operator/witnesses/house.tsa/remove")
    assert not AddedWitness.objects.exists()


def test_a_chain_is_added_by_the_name_of_its_keys_file_and_nothing_of_either_is_shown(
    inline: SyncRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.assets.evm_ledger import KEY, running_ledger  # takes a second to load

    inline.services.config = replace(inline.services.config, allowed_networks=("127.0.0.0/8",))
    use_house(monkeypatch, inline.services)
    client, folder = person(staff=True), inline.services.config.data_dir / "secrets" / "chains"
    folder.mkdir(parents=True)
    (folder / "near.key").write_text(KEY.hex())
    (folder / "near.key").chmod(0o600)
    with running_ledger() as ledger:
        sent = {"kind": "evm", "name": "near", "urls": f"{ledger.url}/providers-key", "key_file": "near.key"}
        sent |= {"chain_id": str(ledger.chain.chain_id), "contract": f"0x{ledger.contract.hex()}", "gas_price": "0"}

        def add(**given: str) -> str:
            return client.post("/operator/witnesses/own", sent | given, follow=True).content.decode()

        for name in ("../master_key", "none.key"):
            refused = add(key_file=name)
            assert message_levels(refused) == ["error"]
            assert "providers-key" not in refused
        before = ledger.chain.chain.get_block().number
        page = add()
        assert message_levels(page) == ["success"]
        assert ledger.chain.chain.get_block().number == before  # nothing was paid
    assert ledger.url in page
    assert "providers-key" not in page
    assert "near.key" not in page
    told = LogOpening.objects.filter(content__what="witness added").get().details
    assert told is not None
    assert told["urls"] == [ledger.url]


def test_the_public_address_and_the_contact_are_written_and_wait_for_a_start(
    own: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_well()
    client, file = person(staff=True), own.config.data_dir / "exhibit.toml"
    file.write_text('# ours\ncontact = "old@example.org"\nworkers = 3\n\n[[anchors]]\ncontact = 1\n')

    def send(**given: str) -> Any:  # noqa: ANN401 - what a client got
        return client.post("/operator/settings", {"contact": "ann@example.org"} | given, follow=True)

    refused = send(contact="nobody", public_url="exhibit.example.org")
    assert refused.context["problem"]
    assert 'value="exhibit.example.org"' in refused.content.decode()
    assert "old@example.org" in file.read_text()
    assert message_levels(send(public_url="https://exhibit.example.org/")) == ["success"]
    assert file.read_text() == (
        'public_url = "https://exhibit.example.org"\ncontact = "ann@example.org"\n'
        "# ours\nworkers = 3\n\n[[anchors]]\ncontact = 1\n"
    )
    told = LogOpening.objects.filter(content__what="settings changed").get().details
    assert told is not None
    assert told["settings"] == {"public_url": "https://exhibit.example.org/", "contact": "ann@example.org"}
    assert failed(own) == ["settings"]
    assert "public_url" in sentence_of(own, "settings")
    assert message_levels(send(public_url="https://exhibit.example.org")) == ["info"]
    monkeypatch.setenv("EXHIBIT_PUBLIC_URL", "https://other.example")
    page = client.get("/operator/settings").content.decode()
    assert 'name="public_url"' not in page
    assert has_test_id(page, "fixed")
    send(public_url="https://third.example", operator_name='A "quoted"\nname')
    assert "third.example" not in file.read_text()
    assert tomllib.loads(file.read_text())["operator_name"] == 'A "quoted" name'
    file.write_text('x = """\ncontact = 1\n"""\n')
    assert "exhibit.toml" in send(contact="b@example.org").context["problem"]


def test_without_a_contact_the_crawler_has_nobody_to_complain_to(own: Services) -> None:
    make_well()
    own.config = replace(own.config, contact="")
    (own.config.data_dir / "exhibit.toml").unlink()
    assert failed(own) == []  # nothing is visited
    claimed_slice(owner("studio"))
    assert failed(own) == ["contact"]
    assert "/operator/settings" in person(staff=True).get("/operator/").content.decode()


def test_a_newer_version_is_asked_for_only_where_the_operator_says_whom(own: Services) -> None:
    make_well()

    updates.look(own)
    nobody_asked = sentence_of(own, "version")
    assert __version__ in nobody_asked
    site = Served()
    site.answers["/latest"] = answer(b'{"tag_name": "v99.1", "body": "<b>"}')
    with site.running():
        own.config = replace(own.config, update_url=f"{site.url}/latest")
        with pytest.raises(RefusedError):  # it may be known from a page, so a number is not enough
            updates.look(own)
        own.config = replace(own.config, allowed_networks=("127.0.0.0/8",))
        (own.config.data_dir / updates.ASKED).unlink()
        for _day in range(2):
            updates.look(own)
    ((_, asked),) = site.asked
    assert not {"Cookie", "From", "Referer"} & set(asked)
    assert (asked["User-Agent"], __version__ in str(asked)) == ("Exhibit", False)
    assert failed(own) == ["version"]
    assert all(version in sentence_of(own, "version") for version in ("99.1", __version__))
    (own.config.data_dir / updates.ASKED).unlink()
    answered = updates.newest(own.config)
    with pytest.raises(RequestException):  # no server responds
        updates.look(own)
    assert updates.newest(own.config) == answered
    own.config = replace(own.config, update_url="https://other.example/latest")
    assert updates.newest(own.config) is None
    assert sentence_of(own, "version") != nobody_asked


@pytest.mark.parametrize(
    ("text", "version"),
    [(b"1.2\n", "1.2"), (b"v1.2.3", "1.2.3"), (b'"1.2"', "1.2"), (b'{"info": {"version": "1.2"}}', "1.2")],
)
def test_a_version_is_a_line_of_text_or_stands_in_json(text: bytes, version: str) -> None:
    assert updates.version_in(text) == version
    for none in (b"12", b"[1.2]", b"<b>1.2</b>", b"[" * 60_000):
        with pytest.raises(ServiceMissingError):
            updates.version_in(none)


def test_who_changes_the_public_address_shows_again_who_it_is_and_every_operator_is_told(
    own: Services, mailoutbox: list[EmailMessage]
) -> None:
    client, file = person(staff=True), own.config.data_dir / "exhibit.toml"
    User.objects.create_user("second@example.org", "second@example.org", is_staff=True)
    boss = User.objects.get(username="operator@example.org")
    boss.set_password("a long password")
    boss.save()
    client.force_login(boss)
    for address in ("/operator/settings", "/operator/witnesses/own", "/operator/witnesses/near/add"):
        asked = client.post(address, {"public_url": "https://evil.example"})
        assert asked.headers["Location"].startswith("/account/reauthenticate/"), address
    assert written(own.config.data_dir) == {"contact": "ann@example.org"}
    asked = client.post("/operator/settings", {"public_url": "https://new.example"})
    answer = client.post(asked.headers["Location"], {"password": "a long password"}, follow=True)
    assert message_levels(answer) == ["success"]
    assert 'public_url = "https://new.example"' in file.read_text()
    assert [mail.to for mail in mailoutbox] == [["operator@example.org"], ["second@example.org"]]
    assert "https://new.example" in mailoutbox[0].body


def test_one_change_of_settings_waits_for_another(own: Services) -> None:
    (own.config.data_dir / "exhibit.toml").write_text('contact = "old@example.org"\n')
    with connection.copy().cursor() as other, connection.cursor() as cursor:
        other.execute("SELECT pg_advisory_lock(%s, %s)", [LOCKS, Lock.SETTINGS])
        cursor.execute("SET LOCAL lock_timeout = '50ms'")
        with pytest.raises(OperationalError, match="lock timeout"):
            change(own.config, {"contact": "new@example.org"}, by="ann")
        other.connection.close()
    assert not LogOpening.objects.filter(content__what="settings changed").exists()
    assert written(own.config.data_dir) == {"contact": "old@example.org"}
