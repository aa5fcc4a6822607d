"""An owner with data on every page, its members, and the URLs of the site."""

import zlib
from collections.abc import Iterator
from dataclasses import asdict

import pytest
from django.test import Client
from django.urls import get_resolver, reverse
from django.urls.converters import IntConverter
from django.urls.resolvers import URLPattern, URLResolver

from exhibit.clock import now
from exhibit.digests import Digest
from registry import scoped
from registry.bundles.deposits import make_deposit
from registry.bundles.links import create_link
from registry.cases.queue import CaseFilter
from registry.db.fields import StoredFile
from registry.matches.match import match_pictures
from registry.members import invitations, tokens
from registry.models import (
    Case,
    ColumnMapping,
    Demand,
    Fee,
    Membership,
    Notice,
    NoticeReply,
    Owner,
    OwnershipRemark,
    Package,
    Report,
    Role,
    Sender,
    User,
    Webhook,
)
from registry.parties.demands import NewEntry, add_entry, save_fee_table
from registry.parties.invoices import DueAmount, NewInvoice, issue_invoice
from registry.works import bulk, uploads
from registry.works.column_mappings import Columns, compute_headings_digest
from registry.works.declarations import attach_document
from registry.works.licences import NewLicence, add_licences
from tests.assets.restored_scenes import restore_scene
from tests.assets.rows import claim_new_slice, owner, photograph, recompress, record_sightings, register
from tests.assets.site_browser import use_services
from workers.tasks.sync_runner import SyncRunner


class Scene:
    """An owner with data on every page, and three users: alice, her colleague bob, and charlie of another owner."""

    def __init__(self, inline: SyncRunner) -> None:
        self.inline = inline
        self.studio, agency = owner("studio"), owner("agency")
        data = photograph(1)
        self.work = register(inline.services, self.studio, data).work
        planned, epoch = claim_new_slice(self.studio)
        match_pictures(inline.services, record_sightings(inline.services, planned, epoch, [recompress(data)]))
        self.case = self.studio.cases.get()
        self.bundle = self.case.bundles.create(number=1)
        digest = inline.services.blobs.put(b"a").hex
        file: StoredFile = {"name": "a.csv", "media_type": "text/csv", "digest": digest, "size": 1}
        self.capture = self.case.captures.get()
        self.capture.files = [{**file, "role": "screenshot-boxed"}]
        self.capture.method, self.capture.outcome, self.capture.state = "browser", "captured", "done"
        self.capture.started_at = self.capture.finished_at = now()
        self.capture.save()
        add_licences(self.studio, [NewLicence("A", domain="other.example")])
        upload = uploads.start_upload(self.studio, uploads.DeclarationDefaults(), by="Ann", table=None, announced=1)
        uploads.receive_files(inline.services, upload, [uploads.SentFile("a.jpg", len(data), lambda: data)])
        notice_fields = {
            "kind": "dmca",
            "language": "en",
            "party": "shop.example",
            "files": [file],
            "created_at": now(),
        }
        letter = Notice.objects.create(owner=self.studio, number=1, created_by="Ann", **notice_fields)
        Sender.objects.create(owner=self.studio, number=1, name="Ann")
        reply = NoticeReply.objects.create(notice=letter, number=1, kind="licence", at=now())
        reply.files.create(number=1, name="licence.pdf", data=b"a", size=1, digest=Digest.from_bytes(b"a"))
        self.attachment = attach_document(inline.services, self.work, "a.pdf", b"%PDF", description="", by="Ann").number
        self.deposit = make_deposit(inline.services, self.work, by="Ann").number
        bulk.start_bulk_edit(
            inline.services, self.studio, scoped.list_owner_works(self.studio), "put", "Harbours", by="Ann"
        )
        self.remark = OwnershipRemark.objects.create(
            work=self.work, kind="term", details={"countries": ["EU"]}, noted_at=now()
        )
        Report.objects.create(owner=self.studio, number=1, parameters={"title": "T"}, files=[file])
        pdf = file | {"name": "a.pdf", "media_type": "application/pdf", "language": "en", "exhibits": [1, 1]}
        package_fields = {
            "state": "done",
            "made_at": now(),
            "expires_at": now(),
            "files": [file | {"crc": zlib.crc32(b"a")}, pdf],
        }
        fee_table = save_fee_table(self.studio, "Own", "EUR", [Fee(use="Website", amount=5000)], by="Ann")
        demand_fields = {"number": 1, "party": "shop.example", "currency": "EUR", "basis": "Fee", "made_at": now()}
        demand = Demand.objects.create(owner=self.studio, fee=fee_table.fees.get(), **demand_fields)
        demand.cases.add(self.case)
        add_entry(demand, NewEntry("demanded", 5000), by="Ann")
        add_entry(demand, NewEntry("agreed", 4000), by="Ann")
        invoice = NewInvoice("The Studio", "A Shop", "New licence", [DueAmount(now().date(), 4000)])
        self.invoice = issue_invoice(demand, invoice, by="Ann").name
        package = Package.objects.create(
            owner=self.studio, number=1, recipient="court", requested_by="Ann", **package_fields
        )
        package.bundles.add(self.bundle)
        self.link_token = create_link(self.studio, package, days=1, by="Ann")[1]
        Webhook.objects.create(
            owner=self.studio, number=1, url="https://example.org/", kinds=[], encrypted_secret=b"", made_at=now()
        )
        columns = Columns(self.studio, ColumnMapping.Kind.WORKS, ["file"], compute_headings_digest(["Bild"]))
        columns(["Bild"])
        columns.remember(by="alice@example.org")
        self.mapping = self.studio.column_mappings.get()
        decision_fields = {"total": 1, "by": "alice@example.org", "at": now(), "state": "done"}
        self.group = self.studio.group_decisions.create(wanted=asdict(CaseFilter()), **decision_fields)
        self.alice, self.bob = (
            self.create_client("alice", self.studio, Role.OWNER),
            self.create_client("bob", self.studio, Role.VIEWER),
        )
        self.charlie = self.create_client("charlie", agency, Role.OWNER)

    def create_client(self, name: str, of: Owner, role: Role) -> Client:
        """Create a user with a role and return a signed-in client."""
        user = User.objects.create_user(
            username=f"{name}@example.org", email=f"{name}@example.org", password="not used"
        )
        Membership.objects.create(user=user, owner=of, role=role)
        client = Client()
        client.force_login(user)
        return client

    @property
    def ann(self) -> User:
        """The user alice."""
        return User.objects.get(username="alice@example.org")

    def addresses(self, slug: str = "studio") -> dict[str, str]:
        """Return a URL of each named page that exists for the studio, by page name.

        Another slug gives another owner's URLs.
        """
        values = {
            "slug": slug,
            "number": 1,
            "case": 1,
            "watch_number": 1,
            "deposit": self.deposit,
            "match": self.case.case_sightings.get().match_id,
            "drawing": "overlay.jpg",
            "attachment": self.attachment,
            "group": self.group.pk,
            "mapping": self.mapping.pk,
            "remark": self.remark.pk,
            "capture": self.capture.pk,
            "paper": "us-902",
            "service": "tineye",
            "known_copy": 1,
            "digest": self.work.pictures.get().digest.hex,
            "name": "a.csv",
            "kind": "dmca",
            "language": "en",
            "reply": 1,
            "file": 1,
            "person": User.objects.get(username="bob@example.org").pk,
            "token": tokens.create_token(self.studio, self.ann, name="Nightly", scopes=["read"], days=1)[0].pk,
            "invitation": invitations.create_invitation(
                self.studio, "dora@example.org", "viewer", by="alice@example.org"
            )[0].pk,
        }
        numbered = {"name": self.invoice}
        of_page = {"party": {"name": "shop.example"}, "invoice-file": numbered, "cancel-invoice": numbered}
        of_page["package-pdf"] = {"name": "a.pdf"}
        return {
            pattern.name: reverse(
                pattern.name,
                kwargs={key: (values | of_page.get(pattern.name, {}))[key] for key in pattern.pattern.converters},
            )
            for pattern in patterns()
            if pattern.name is not None and "slug" in pattern.pattern.converters
        }


class PaymentDemandScene(Scene):
    """The same scene with a confirmed case of another party, for which the payment demand form is available."""

    def __init__(self, inline: SyncRunner) -> None:
        super().__init__(inline)
        case_sighting, case_fields = (
            self.case.case_sightings.get(),
            {"decision": Case.Decision.CONFIRMED, "is_pending": False},
        )
        other = self.studio.cases.create(number=2, work=self.work, party="zoo.example", opened_at=now(), **case_fields)
        other.case_sightings.create(match=case_sighting.match, sighting=case_sighting.sighting)

    def addresses(self, slug: str = "studio") -> dict[str, str]:
        """Return the same URLs, with the party and the case for the form."""
        urls = super().addresses(slug)
        return urls | {"new-demand": urls["new-demand"] + "?party=zoo.example&case=2"}


def patterns(namespace: str | None = None) -> Iterator[URLPattern]:
    """Yield the URL patterns of the site, or those of a namespace such as the API."""
    pending: list[tuple[URLPattern | URLResolver, str | None]] = [(get_resolver(), None)]
    while pending:
        pattern, within = pending.pop()
        if isinstance(pattern, URLResolver):
            pending += [(inner, pattern.namespace or within) for inner in pattern.url_patterns]
        elif within == namespace:
            yield pattern


@pytest.fixture
def scene(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """A scene in this test's own installation."""
    use_services(monkeypatch, inline.services)
    return restore_scene(inline, Scene)


VALUES: dict[str, object] = {
    "slug": "studio",
    "key": "x",
    "uidb36": "1",
    "path": "000",
    "drawing": "overlay.jpg",
    "paper": "us-902",
    "digest": "0" * 64,
    "kind": "dmca",
    "language": "en",
}


def addresses() -> dict[str, str]:
    """Return a URL of every pattern of the site, including allauth's; the numbers in it may not exist."""
    return {pattern.name: url_of_pattern(pattern.name) for pattern in patterns() if pattern.name is not None}


def url_of_pattern(name: str) -> str:
    [(_, keys), *_other_patterns], _pattern, _defaults, converters = get_resolver().reverse_dict.getlist(name)[0]
    whole = {key for key, converter in converters.items() if isinstance(converter, IntConverter)}
    return reverse(name, kwargs={key: 1 if key in whole else VALUES.get(key, "x") for key in keys})
