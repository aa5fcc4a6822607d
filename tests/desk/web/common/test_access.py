"""Every page and file of an owner: its members see it, a stranger gets 404, nobody is asked to sign in."""

import zlib
from collections.abc import Iterator

import pytest
from django.core import signing
from django.db import transaction
from django.test import Client
from django.urls import get_resolver, reverse
from django.urls.resolvers import URLPattern, URLResolver

from exhibit.clock import now
from exhibit.entries import EntryType
from registry.accounts import feeds, invitations, tokens
from registry.models import (
    ApiToken,
    Bundle,
    Crawl,
    Invitation,
    LogSubmission,
    Membership,
    Notice,
    Owner,
    OwnershipRemark,
    Package,
    Report,
    Role,
    Sighting,
    User,
    Watch,
    Webhook,
)
from registry.models.fields import KeptFile
from registry.notifications import mail_choices
from registry.works.licences import NewLicence, keep_licences
from tests.assets.rows import bring, claimed_slice, copy_of, owner, photograph, register
from tests.assets.site_browser import use_house
from workers.evidence.deposits import make_deposit
from workers.evidence.links import make_link
from workers.notify.digests import SALT
from workers.steps.matching.match import match_pictures
from workers.tasks.sync_runner import SyncRunner
from workers.works import uploads
from workers.works.declarations import attach
from workers.works.registration import remove_work


class Scene:
    """An owner with something on every page, and three people: alice and her team-mate bob, and charlie elsewhere."""

    def __init__(self, inline: SyncRunner) -> None:
        self.inline = inline
        self.studio, agency = owner("studio"), owner("agency")
        data = photograph(1)
        self.work = register(inline.services, self.studio, data).work
        planned, epoch = claimed_slice(self.studio)
        match_pictures(inline.services, bring(inline.services, planned, epoch, [copy_of(data)]))
        self.case = self.studio.cases.get()
        self.bundle = self.case.bundles.create(number=1)
        digest = inline.services.blobs.put(b"a").hex
        file: KeptFile = {"name": "a.csv", "media_type": "text/csv", "digest": digest, "size": 1}
        self.capture = self.case.captures.get()
        self.capture.files = [{**file, "role": "screenshot-boxed"}]
        self.capture.method, self.capture.outcome, self.capture.state = "browser", "captured", "done"
        self.capture.started_at = self.capture.finished_at = now()
        self.capture.save()
        keep_licences(self.studio, [NewLicence("A", domain="other.example")])
        began = uploads.begin(self.studio, uploads.Declaration(), by="Ann", table=None, announced=1)
        uploads.receive(inline.services, began, [uploads.Sent("a.jpg", len(data), lambda: data)])
        about = {"kind": "dmca", "language": "en", "party": "shop.example", "files": [file], "created_at": now()}
        Notice.objects.create(owner=self.studio, number=1, created_by="Ann", **about)
        self.attachment = attach(inline.services, self.work, "a.pdf", b"%PDF", about="", by="Ann").number
        self.remark = OwnershipRemark.objects.create(
            work=self.work, kind="term", details={"countries": ["EU"]}, noted_at=now()
        )
        Report.objects.create(owner=self.studio, number=1, parameters={"title": "T"}, files=[file])
        made = {"state": "done", "made_at": now(), "expires_at": now(), "files": [file | {"crc": zlib.crc32(b"a")}]}
        package = Package.objects.create(owner=self.studio, number=1, recipient="court", asked_by="Ann", **made)
        package.bundles.add(self.bundle)
        self.link = make_link(self.studio, package, days=1, by="Ann")
        Webhook.objects.create(
            owner=self.studio, number=1, url="https://example.org/", kinds=[], encrypted_secret=b"", made_at=now()
        )
        self.alice, self.bob = (
            self.person("alice", self.studio, Role.OWNER),
            self.person("bob", self.studio, Role.VIEWER),
        )
        self.charlie = self.person("charlie", agency, Role.OWNER)

    def person(self, name: str, of: Owner, role: Role) -> Client:
        """Somebody with a role, signed in."""
        user = User.objects.create_user(
            username=f"{name}@example.org", email=f"{name}@example.org", password="not used"
        )
        Membership.objects.create(user=user, owner=of, role=role)
        client = Client()
        client.force_login(user)
        return client

    @property
    def ann(self) -> User:
        """The person that alice is."""
        return User.objects.get(username="alice@example.org")

    def addresses(self, slug: str = "studio") -> dict[str, str]:
        """An address of each named page that exists for the studio, by the page's name; perhaps of another owner."""
        values = {
            "slug": slug,
            "number": 1,
            "case": 1,
            "watch_number": 1,
            "deposit": make_deposit(self.inline.services, self.work, by="Ann").number,
            "match": self.case.case_sightings.get().match_id,
            "drawing": "overlay.jpg",
            "attachment": self.attachment,
            "remark": self.remark.pk,
            "capture": self.capture.pk,
            "paper": "us-902",
            "service": "tineye",
            "canary": 1,
            "digest": self.work.pictures.get().digest.hex,
            "name": "a.csv",
            "kind": "dmca",
            "language": "en",
            "person": User.objects.get(username="bob@example.org").pk,
            "token": tokens.make(self.studio, self.ann, name="Nightly", scopes=["read"], days=1)[0].pk,
            "invitation": invitations.invite(self.studio, "dora@example.org", "viewer", by="alice@example.org")[0].pk,
        }
        return {
            pattern.name: reverse(pattern.name, kwargs={key: values[key] for key in pattern.pattern.converters})
            for pattern in patterns()
            if pattern.name is not None and "slug" in pattern.pattern.converters
        }


def patterns(namespace: str | None = None) -> Iterator[URLPattern]:
    """The addresses of the site, or of what has a namespace of its own: the API."""
    waiting: list[tuple[URLPattern | URLResolver, str | None]] = [(get_resolver(), None)]
    while waiting:
        one, within = waiting.pop()
        if isinstance(one, URLResolver):
            waiting += [(inner, one.namespace or within) for inner in one.url_patterns]
        elif within == namespace:
            yield one


@pytest.fixture
def scene(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> Scene:
    use_house(monkeypatch, inline.services)
    return Scene(inline)


POSTED = {
    "upload-files",
    "close-upload",
    "upload-again",
    "remove-work",
    "answer-remark",
    "attach",
    "detach",
    "decide",
    "run-watch",
    "make-deposit",
    "sign-notice",
    "send-notice",
    "track-notice",
    "request-report",
    "report-again",
    "remove-report",
    "request-package",
    "package-again",
    "remove-package",
    "link-package",
    "link-report",
    "revoke-link",
}
POSTED |= {"decide-cases", "case-deed"}  # of cases
OWN = {"leave", "make-token", "choose-mail", "change-feed"}
"""What each member may do, whatever the role."""
POSTED |= {"invite", "member-role", "remove-member", "revoke-invitation", "revoke-token", *OWN}
POSTED |= {"pause-watch", "stop-crawl", "make-watch", "keep-search-key", "drop-search-key"}  # of watches
POSTED |= {"add-webhook", "change-webhook"}  # of being told
POSTED |= {"plant-canary", "withdraw-canary", "add-sources", "remove-source"}


def test_a_member_sees_every_page_and_file(scene: Scene) -> None:
    for name, address in scene.addresses().items():
        expected = 405 if name in POSTED else 404 if name in ("bundle", "paper", "signed") else 200
        answer = scene.alice.get(address)
        assert answer.getvalue() is not None
        assert answer.status_code == expected, address


NO_EVIDENCE = {"upload-results"}
"""Files that say what became of the member's own."""


def test_each_file_that_a_member_takes_is_an_entry_of_the_log(scene: Scene) -> None:
    taken = LogSubmission.objects.filter(type=EntryType.ACCESS)
    for name, address in scene.addresses().items():
        before = taken.count()
        answer = scene.alice.get(address)
        assert answer.getvalue() is not None
        if answer.headers.get("Content-Disposition", "").startswith("attachment") and name not in NO_EVIDENCE:
            assert taken.count() == before + 1, name


def test_a_record_that_no_head_can_cover_is_explained(scene: Scene) -> None:
    address = scene.addresses()["deposit"]
    (scene.inline.services.config.data_dir / "log.head").unlink()
    answer = scene.alice.get(address, follow=True)
    assert answer.status_code == 200
    assert "log accept-head" in answer.content.decode()


def test_a_case_says_how_its_places_stand_and_shows_how_the_page_looked(scene: Scene) -> None:
    page = scene.alice.get(scene.addresses()["case"]).content.decode()
    assert "still online" in page
    assert f'<img class="page" src="{scene.addresses()["captured"]}"' in page
    file = scene.alice.get(scene.addresses()["captured"])
    assert file.getvalue() == b"a"
    assert file.headers["Content-Disposition"].startswith("attachment")


def test_a_stranger_gets_404_on_every_page_and_file(scene: Scene) -> None:
    for address in scene.addresses().values():
        for answer in (scene.charlie.get(address), scene.charlie.post(address)):
            assert answer.status_code in (404, 405), address
            assert b"studio" not in answer.content.lower(), address


def test_nobody_is_asked_to_sign_in_everywhere(scene: Scene) -> None:
    for name, address in scene.addresses().items():
        answer = Client().post(address) if name in POSTED else Client().get(address)
        assert answer.status_code == 302, address
        assert answer.headers["Location"].startswith("/sign-in/"), address


NOBODYS = {"edit-wording", "keep-search-key", "drop-search-key", "new-search-watch"}
"""What every owner has from the first day, by a name that is the same for all."""
SAID = {"member-role", "remove-member"}
"""What says in a sentence that the person is no member, as it does when another tab was quicker."""


def test_what_is_named_below_the_owner_of_somebody_else_is_not_there(scene: Scene) -> None:
    owners_own = {pattern.name for pattern in patterns() if pattern.pattern.converters.keys() == {"slug"}}
    for name, address in scene.addresses("agency").items():
        if name not in owners_own | NOBODYS:
            assert scene.charlie.get(address).status_code in (404, 405), address
            answer = scene.charlie.post(address, {"sure": "on"}, follow=True)
            assert answer.status_code in (404, 405) or name in SAID, address
    assert Membership.objects.count() == 3
    assert ApiToken.objects.get().revoked_at is None
    assert Invitation.objects.get().revoked_at is None


def test_a_viewer_looks_but_changes_nothing(scene: Scene) -> None:
    addresses = scene.addresses()
    assert addresses.keys() >= POSTED
    for name, address in addresses.items():
        seen = scene.bob.get(address)
        assert seen.getvalue() is not None
        assert seen.status_code in (200, 403, 404, 405), name
        if name in OWN:
            continue
        answer = scene.bob.post(address, {"decision": "confirmed", "sure": "on"})
        assert answer.status_code == 403 or (answer.status_code == 405 and name not in POSTED), name
        assert answer.status_code == 405 or "Your role doesn't permit this" in answer.content.decode(), name
    scene.case.refresh_from_db()
    assert scene.case.decision == "open"


OF_OWNERS = {
    *("invite", "member-role", "remove-member", "revoke-invitation", "revoke-token"),
    *("add-webhook", "webhook", "change-webhook", "keep-search-key", "drop-search-key", "edit-wording"),
}
"""What members in the role of owner alone may do."""


def test_a_reviewer_does_everything_but_what_is_for_owners(scene: Scene) -> None:
    rita = scene.person("rita", scene.studio, Role.REVIEWER)
    for name, address in scene.addresses().items():
        with transaction.atomic():
            status = rita.post(address, {"sure": "on"}).status_code
            transaction.set_rollback(True)
        assert (status == 403) == (name in OF_OWNERS - {"webhook"}), (name, status)
    assert rita.get(scene.addresses()["webhook"]).status_code == 403  # what was sent to it is for owners too


def test_what_is_told_by_an_address_of_its_own_is_told_to_whoever_has_it_and_to_nobody_else(scene: Scene) -> None:
    secret = {
        "link": scene.link.token,
        "feed": feeds.make(scene.studio, scene.ann, by="alice@example.org"),
        "invitation": invitations.invite(scene.studio, "dora@example.org", "viewer", by="alice@example.org")[1],
        "unsubscribe": signing.dumps(mail_choices.choice(scene.studio, scene.ann).pk, salt=SALT),
    }
    for name, known in secret.items():
        for person in (scene.charlie, Client()):
            assert person.get(reverse(name, args=[known])).status_code == 200, name
            for wrong in (known[:-1], known + "x", known[::-1]):
                answer = person.get(reverse(name, args=[wrong]))
                assert answer.status_code == 404, name
                assert b"studio" not in answer.content.lower(), name
    scene.charlie.post(reverse("invitation", args=[secret["invitation"]]))
    assert not scene.studio.memberships.filter(user__username="charlie@example.org").exists()


def test_every_address_without_an_owner_is_known_to_be_somebodys(scene: Scene) -> None:
    """A new one has to be put where it belongs, and so into a test."""
    without = {one.name for one in patterns() if one.name and "slug" not in one.pattern.converters}
    own = {"home", "owners", "accuracy", "blur", "account", "usersessions_list"}
    theirs = {name for name in without if name.startswith(("account_", "mfa_"))}
    of_the_operator = {"operator", "operator-retry", "operator-leave"}
    secret = {"link", "link-file", "feed", "invitation", "unsubscribe"}
    public = {"healthz", "metrics", "language", "log-checkpoint", "log-tile", "log-entries"}
    assert without == own | theirs | of_the_operator | secret | public
    assert scene.charlie.get(reverse("operator")).status_code == 404
    assert scene.charlie.post(reverse("operator-retry")).status_code == 404
    assert scene.charlie.post(reverse("operator-leave")).status_code == 404


def test_confirming_records_who_and_why_and_asks_for_a_bundle(scene: Scene) -> None:
    scene.bundle.delete()
    scene.alice.post(scene.addresses()["decide"], {"decision": "confirmed", "reason": "Not ours"})
    scene.case.refresh_from_db()
    assert (scene.case.decision, scene.case.decided_by, scene.case.reason) == (
        "confirmed",
        "alice@example.org",
        "Not ours",
    )
    assert not scene.case.demonstration
    assert scene.case.bundles.count() == 1


def test_running_a_watch_now_starts_its_next_crawl(scene: Scene) -> None:
    Crawl.objects.update(state="done")
    scene.alice.post(scene.addresses()["run-watch"])
    assert Crawl.objects.filter(number=2, state="doing").exists()


def test_a_paused_watch_stays_paused(scene: Scene) -> None:
    Watch.objects.update(next_run_at=None, paused=True)
    answer = scene.alice.post(scene.addresses()["run-watch"], follow=True)
    assert b"is paused" in answer.content
    watch = Watch.objects.get()
    assert (watch.paused, watch.next_run_at) == (True, None)


def test_a_case_of_a_removed_work_points_nowhere(scene: Scene) -> None:
    remove_work(scene.work, by="Ann")
    Bundle.objects.update(state="failed", error="Nobody knows.")
    answer = scene.alice.get(scene.addresses()["case"])
    assert f'href="{scene.addresses()["work"]}"'.encode() not in answer.content
    assert b"Not sealed. Nobody knows." in answer.content


def test_a_found_picture_is_never_sent_as_it_is(scene: Scene) -> None:
    answer = scene.alice.get(scene.addresses()["picture"])
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.content != scene.inline.services.blobs.get(scene.work.pictures.get().digest)


def test_what_no_row_can_hold_is_left_out_of_what_was_typed(scene: Scene) -> None:
    assert scene.alice.get(scene.addresses()["works"], {"q": "A\0 work"}).status_code == 200
    typed = {"decision": "cleared", "reason": "It is\0 ours. " + "x" * 5_000}
    assert scene.alice.post(scene.addresses()["decide"], typed).status_code == 302
    scene.case.refresh_from_db()
    assert scene.case.reason.startswith("It is ours. x")
    assert len(scene.case.reason) == 1_000


def test_words_of_strangers_are_shown_and_never_done(scene: Scene) -> None:
    Sighting.objects.update(page_url="javascript:alert(1)", page_title="<script>alert(1)</script>")
    answer = scene.alice.get(scene.addresses()["case"])
    assert b"<script>" not in answer.content
    assert b'"javascript:' not in answer.content
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_health_is_told_without_signing_in(db: None) -> None:
    answer = Client().get("/healthz")
    assert answer.status_code == 200
    assert answer.json() == {"database": True, "broker": True, "disk": True}
