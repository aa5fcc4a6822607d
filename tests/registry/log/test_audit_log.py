"""Test the other log entries: access to evidence, the outcome of cases, changes of settings."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from django.test import Client

from desk.cli.api import api_command
from desk.cli.common.context import CommandContext
from exhibit.digests import Digest
from exhibit.entries import EntryType
from exhibit.errors import NotFoundError
from registry.cases.jobs import ledger as look_at_ledger
from registry.cases.ledger import recheck_licences
from registry.crawls import copy_checks, denylists, watch_settings
from registry.log.configuration import log_configuration, to_loggable_dict
from registry.log.replay import replay
from registry.log.sequencer import sequence_log, sign_checkpoint
from registry.matches import calibrations
from registry.matches.match import match_pictures
from registry.members import accounts
from registry.models import (
    Bundle,
    HostDenial,
    KnownCopy,
    LedgerChange,
    Licence,
    LogOpening,
    LogSubmission,
    Membership,
    Owner,
    Role,
    User,
)
from registry.retention.purge import purge_picture
from registry.works import licences
from registry.works.registration import remove_work
from tests.assets.bundles import CALIBRATION
from tests.assets.rows import claim_new_slice, owner, photograph, recompress, record_sightings, register
from tests.assets.sealed_bundles import create_sealed_bundle
from workers import wiring
from workers.tasks.sync_runner import SyncRunner


def list_entries(kind: EntryType) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return openings and details of all entries of a type, oldest first."""
    rows = LogOpening.objects.filter(submission__type=kind).order_by("submission_id")
    return [(row.content, row.details or {}) for row in rows]


@pytest.fixture
def bundle(inline: SyncRunner) -> Bundle:
    return create_sealed_bundle(inline)


@pytest.fixture
def ann(bundle: Bundle, inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> Client:
    user = User.objects.create_user(username="ann@example.org", email="ann@example.org", password="not used")
    Membership.objects.create(user=user, owner=bundle.case.owner, role=Role.VIEWER)
    monkeypatch.setattr(wiring, "services", lambda: inline.services)
    client = Client()
    client.force_login(user)
    return client


def test_bundle_download_is_logged_without_naming_the_user_in_the_opening(ann: Client, bundle: Bundle) -> None:
    address = "/o/studio/downloads/bundles/1/1"
    assert ann.get(address).getvalue()
    [(opening, details)] = list_entries(EntryType.ACCESS)
    assert (opening["what"], opening["way"]) == ("bundle", "taken away")
    assert (details["by"], details["seal"]) == ("ann@example.org", str(bundle.seal_digest))
    assert "ann" not in str(opening)
    assert Client().get(address).status_code == 302
    assert len(list_entries(EntryType.ACCESS)) == 1


@pytest.mark.long
def test_case_view_is_logged_once_per_day_and_session(ann: Client) -> None:
    for _ in range(3):
        assert ann.get("/o/studio/cases/1/").status_code == 200
    [(opening, details)] = list_entries(EntryType.ACCESS)
    assert (opening["what"], opening["way"], details["case"]) == ("case", "looked at", 1)
    session = ann.session
    session["cases-seen"] = {"day": "2026-01-01", "cases": session["cases-seen"]["cases"]}
    session.save()
    ann.get("/o/studio/cases/1/")
    assert len(list_entries(EntryType.ACCESS)) == 2


def test_command_line_downloads_are_logged(
    inline: SyncRunner, bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiring, "services", lambda: inline.services)
    desk = CommandContext(inline.services.config)
    desk.__dict__["services"] = inline.services
    for name in ("file", "manifest"):
        words = ["GET", f"cases/1/bundles/1/{name}", "--output", str(tmp_path / name)]
        assert CliRunner().invoke(api_command, words, obj=desk).exit_code == 0
    assert [opening["what"] for opening, _ in list_entries(EntryType.ACCESS)] == ["bundle", "manifest"]
    assert all(details["by"].endswith("(command line)") for _, details in list_entries(EntryType.ACCESS))


def test_opening_extending_and_capturing_a_case_are_logged(bundle: Bundle) -> None:
    entries = list_entries(EntryType.CASE)
    assert [opening["what"] for opening, _ in entries] == ["opened", "extended", "captured"]
    assert entries[0][1]["party"] == bundle.case.party
    assert bundle.case.party not in str(entries[0][0])
    row = bundle.case.case_sightings.get()
    picture = row.sighting.picture.digest.hex
    [gained] = entries[1][1]["sightings"]
    assert gained == {"licence": None, "match": row.match_id, "picture": picture, "sighting": row.sighting_id}
    capture = bundle.case.captures.get()
    assert entries[2][1]["files"] == [{"digest": file["digest"], "role": file["role"]} for file in capture.files]
    assert len(capture.files) > 0


def test_licence_changes_of_a_case_are_logged(inline: SyncRunner) -> None:
    studio = owner("studio")
    register(inline.services, studio, photograph(1))
    crawl_slice, epoch = claim_new_slice(studio)
    match_pictures(inline.services, record_sightings(inline.services, crawl_slice, epoch, [recompress(photograph(1))]))
    case = studio.cases.get()
    licences.add_licences(studio, [licences.NewLicence("A", domain="shop.example")])
    for _ in range(2):
        LedgerChange.objects.update(state="queued", looked_until=0)
        look_at_ledger(inline.services, licences.list_pending_changes(studio))
    studio.licences.update(domain="other.example")
    for _ in range(2):
        recheck_licences(case)
    entries = [
        details["sightings"] for opening, details in list_entries(EntryType.CASE) if opening["what"] == "extended"
    ]
    assert [[row["licence"] for row in rows] for rows in entries] == [[None], [1], [None]]
    assert case.case_sightings.get().licence is None


def test_log_openings_of_purges_and_removals_contain_no_names(inline: SyncRunner) -> None:
    work = register(inline.services, owner("studio"), photograph(1)).work
    remove_work(work, by="Ann Example")
    digest = work.pictures.get().digest
    purge_picture(inline.services, digest, by="Bob Example", reason="Asked by Carol Example")
    sequence_log(inline.services)
    assert find_openings("Example") == []
    assert list_entries(EntryType.REGISTRATION)[-1][1]["by"] == "Ann Example"
    assert list_entries(EntryType.PURGE)[-1][1]["by"] == "Bob Example"


def find_openings(name: str) -> list[dict[str, Any]]:
    return [row.content for row in LogOpening.objects.all() if name in str(row.content)]


def test_settings_changes_are_logged_with_their_author(inline: SyncRunner) -> None:
    studio = accounts.add_owner("Studio", by="Ann")
    accounts.add_member(studio, "bob@example.org", "viewer", "a long and good password", by="Ann")
    accounts.change_password(accounts.get_user("bob@example.org"), "another good password", by="Ann")
    source = [("site", "http://shop.example/")]
    watch = watch_settings.add_watch(
        studio, "shop", source, every=timedelta(days=1), budget={}, politeness={}, by="Ann"
    )
    watch_settings.pause_watch(watch, by="Ann")
    watch_settings.pause_watch(watch, by="Ann")  # it is already paused
    watch_settings.resume_watch(watch, by="Ann")
    denylists.deny_host("shop.example", by="Ann", reason="asked")
    denylists.allow_host("shop.example", by="Ann")
    with pytest.raises(NotFoundError):
        denylists.allow_host("shop.example", by="Ann")
    denylists.block_digest(Digest.from_bytes(b"x"), by="Ann", reason="asked")
    denylists.block_digest(Digest.from_bytes(b"x"), by="Ann", reason="asked")
    for _ in range(2):
        licences.add_licences(studio, [licences.NewLicence("A shop", domain="shop.example")], by="Ann")
    calibrations.activate_calibration(CALIBRATION, by="Ann")
    calibrations.activate_shipped_calibration(by="Ann")
    entries = list_entries(EntryType.SETTING)
    assert [opening["what"] for opening, _ in entries] == [
        "owner added",
        "role given",
        "devices forgotten",
        "password changed",
        "watch added",
        "watch paused",
        "watch resumed",
        "host denied",
        "host allowed",
        "bytes blocked",
        "licences added",
        "calibration used",
        "calibration reset",
    ]
    assert {details["by"] for _, details in entries} == {"Ann"}
    assert "password" not in str([details for _, details in entries])
    assert "bob" not in str([opening for opening, _ in entries])
    sequence_log(inline.services)
    sign_checkpoint(inline.services)
    assert replay(inline.services).problems == []


def test_configuration_is_logged_only_when_it_changes(inline: SyncRunner) -> None:
    assert log_configuration(inline.services)
    assert not log_configuration(inline.services)
    inline.services.config = replace(inline.services.config, retention_days=31)
    assert log_configuration(inline.services)
    [_, (opening, details)] = list_entries(EntryType.SETTING)
    assert opening["what"] == "configuration"
    assert details["settings"]["retention_days"] == 31


def test_logged_configuration_contains_no_passwords(inline: SyncRunner) -> None:
    config = replace(
        inline.services.config,
        database_url="postgresql://exhibit:hunter2@db.example/exhibit",
        redis_url="redis://:hunter2@redis.example/0",
        mail_url="smtps://ann:hunter2@mail.example",
    )
    settings = to_loggable_dict(config)
    assert (settings["database_url"], settings["redis_url"]) == ("db.example", "redis.example")
    assert "hunter2" not in str(settings)


def test_setting_is_not_changed_if_its_log_entry_fails(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    studio: Owner = owner("studio")

    work = register(inline.services, studio, photograph(1)).work
    source = [("site", "http://shop.example/")]
    watch = watch_settings.add_watch(
        studio, "shop", source, every=timedelta(days=1), budget={}, politeness={}, by="Ann"
    )
    known_copy = copy_checks.add_known_copy(work, watch, "http://shop.example/planted", by="Ann")
    before = LogSubmission.objects.count()
    actions: list[Callable[[], object]] = [
        lambda: denylists.deny_host("shop.example", by="Ann", reason="asked"),
        lambda: copy_checks.add_known_copy(work, watch, "http://shop.example/other", by="Ann"),
        lambda: copy_checks.withdraw_known_copy(known_copy, by="Ann"),
    ]

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    def list_rows() -> list[object]:
        return [list(table._default_manager.order_by("pk").values()) for table in (HostDenial, KnownCopy, Licence)]

    rows_before = list_rows()
    with monkeypatch.context() as patch:
        patch.setattr(LogOpening.objects, "bulk_create", fail)
        for action in actions:
            with pytest.raises(KeyboardInterrupt):
                action()
            assert list_rows() == rows_before
    assert LogSubmission.objects.count() == before
    copy_checks.withdraw_known_copy(known_copy, by="Ann")
    copy_checks.withdraw_known_copy(known_copy, by="Ann")
    entries = list_entries(EntryType.SETTING)
    assert [opening["what"] for opening, _ in entries] == [
        "watch added",
        "licences added",
        "known copy added",
        "known copy removed",
    ]
    assert {details["by"] for _, details in entries} == {"Ann"}
