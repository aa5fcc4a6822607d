"""Test adding a public timestamp service to a running installation: it must respond, with the known root."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from ssl import PEM_cert_to_DER_cert

import pytest

from evidence.anchors import public_services
from evidence.anchors.public_services import ServiceOffer
from evidence.development.authority import DevelopmentAuthority, run_authority
from exhibit.digests import Digest
from exhibit.entries import EntryType
from exhibit.errors import IntegrityError, InvalidRequestError, NotFoundError, ServiceMissingError
from registry.bundles.timestamp_requests import request_timestamps
from registry.log.added_services import add_timestamp_service, list_unused_offers, remove_timestamp_service
from registry.log.anchors import get_anchor_configs, get_anchors
from registry.log.log import submit_entry
from registry.log.sequencer import sequence_log, sign_checkpoint
from registry.models import AddedTimestampService, AnchorReceipt, LogOpening
from workers.operations.health import run_checks
from workers.operations.status import collect_status
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DevelopmentAuthority]:
    """A timestamp authority that is offered for selection and publishes its root certificate."""
    with run_authority(tmp_path / "authority") as running:
        offer_service(monkeypatch, running)
        yield running


def offer_service(
    monkeypatch: pytest.MonkeyPatch, authority: DevelopmentAuthority, *, root: str = "", root_url: str = ""
) -> None:
    root = root or Digest.from_bytes(PEM_cert_to_DER_cert(authority.root_pem.decode())).hex
    texts: dict[str, str] = dict.fromkeys(("page", "shared_data", "costs", "duration"), "")
    offer = ServiceOffer(
        name="near", kind="rfc3161", title="Near", **texts, settings={"urls": [authority.url]}, root=root,
        root_url=root_url or f"{authority.url}/root.pem",
    )  # fmt: skip
    monkeypatch.setattr(public_services, "OFFERS", (offer,))


def sign_next_checkpoint(inline: SyncRunner) -> Sequence[int]:
    """Sign a new checkpoint of the log, and return the keys of its pending receipts."""
    submit_entry(EntryType.CASE, {"number": 1})
    sequence_log(inline.services)
    sign_checkpoint(inline.services)
    return list(AnchorReceipt.objects.values_list("pk", flat=True))


def list_failed_checks(inline: SyncRunner) -> list[str]:
    services = inline.services
    return [
        check.name
        for check in run_checks(collect_status(services), services.config)
        if not check.ok and "timestamp" in check.name
    ]


@pytest.mark.long
def test_added_timestamp_service_is_used_by_running_processes(
    inline: SyncRunner, authority: DevelopmentAuthority
) -> None:
    running = SyncRunner(inline.services.config).services
    assert (get_anchors(running), list_failed_checks(inline)) == ((), ["timestamps"])
    assert [offer.name for offer in list_unused_offers(inline.services)] == ["near"]
    add_timestamp_service(inline.services, "near", by="Ann")
    assert ([anchor.name for anchor in get_anchors(running)], list_failed_checks(inline)) == (["near"], [])
    assert list_unused_offers(running) == []
    request_timestamps(running, sign_next_checkpoint(inline))
    [receipt] = AnchorReceipt.objects.all()
    assert (receipt.kind, receipt.service, receipt.state) == ("rfc3161", "near", "done")
    details = LogOpening.objects.filter(content__what="timestamp service added").get().details
    assert details is not None
    assert {**details, "salt": ""} == {
        "by": "Ann",
        "name": "near",
        "kind": "rfc3161",
        "urls": [authority.url],
        "salt": "",
    }
    with pytest.raises(InvalidRequestError, match="near"):
        add_timestamp_service(inline.services, "near", by="Ann")


def test_missing_root_file_is_restored_from_the_database(inline: SyncRunner, authority: DevelopmentAuthority) -> None:
    add_timestamp_service(inline.services, "near", by="Ann")
    [file] = (inline.services.config.data_dir / "roots").iterdir()
    file.unlink()
    (settings,) = get_anchor_configs(inline.services)
    assert settings.files["roots"] == file
    assert file.read_text().startswith("-----BEGIN CERTIFICATE-----")


@pytest.mark.parametrize(
    ("offer_fields", "error"),
    [
        ({"root": "ab" * 32}, IntegrityError),  # the page publishes a different root
        ({"root_url": "http://127.0.0.1:9/root.pem"}, ServiceMissingError),
    ],
)
def test_timestamp_service_with_unexpected_root_is_rejected(
    inline: SyncRunner,
    authority: DevelopmentAuthority,
    monkeypatch: pytest.MonkeyPatch,
    offer_fields: dict[str, str],
    error: type[Exception],
) -> None:
    offer_service(monkeypatch, authority, **offer_fields)
    with pytest.raises(error):
        add_timestamp_service(inline.services, "near", by="Ann")
    assert not AddedTimestampService.objects.exists()


def test_timestamp_service_whose_timestamp_has_other_root_is_rejected(
    inline: SyncRunner, authority: DevelopmentAuthority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with run_authority(tmp_path / "other") as other:
        (known_offer,) = public_services.OFFERS
        monkeypatch.setattr(public_services, "OFFERS", (replace(known_offer, settings={"urls": [other.url]}),))
        with pytest.raises(IntegrityError):
            add_timestamp_service(inline.services, "near", by="Ann")
    assert not AddedTimestampService.objects.exists()


def test_removed_timestamp_service_is_not_queried_and_its_receipts_are_kept(
    inline: SyncRunner, authority: DevelopmentAuthority
) -> None:
    add_timestamp_service(inline.services, "near", by="Ann")
    request_timestamps(inline.services, sign_next_checkpoint(inline))
    remove_timestamp_service("near", by="Ben")
    assert (get_anchors(inline.services), AnchorReceipt.objects.filter(state="done").count()) == ((), 1)
    with pytest.raises(NotFoundError):
        remove_timestamp_service("near", by="Ben")
    with pytest.raises(NotFoundError, match="far"):
        add_timestamp_service(inline.services, "far", by="Ben")


def test_shipped_timestamp_services_are_configurable_and_state_their_costs() -> None:
    from evidence.anchors import KINDS
    from exhibit.config.anchors import AnchorConfig

    for offer in public_services.OFFERS:
        allowed = {"urls", "bitcoin_explorer"}
        assert set(offer.settings) <= allowed
        assert issubclass(KINDS[offer.kind].config, AnchorConfig)
        assert all((offer.title, offer.shared_data, offer.costs, offer.duration, offer.page.startswith("https://")))
        assert bool(offer.root) == (offer.kind == "rfc3161")
        assert offer.root in public_services._load_bundled_roots() or offer.root_url or not offer.root
