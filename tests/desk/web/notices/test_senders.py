"""Test senders on the site: stored, rejected with a reason, used in a draft in the reader's language."""

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from registry.models import Case, Owner, Role, Sender
from registry.notices import notices
from tests.assets.pages import has_test_id
from tests.assets.rows import owner
from tests.assets.source import collapse_whitespace
from tests.desk.web.notices.test_views import PAGE, ann, create_member_client, studio

__all__ = ["ann", "studio"]

ANN = {"name": "Ann Example", "capacity": "owner", "organisation": "Studio <Ltd>", "code": "9144030071526726XG"}


def test_sender_is_saved_and_used_in_a_draft(ann: Client, studio: Owner) -> None:
    response = ann.post(f"{PAGE}senders/", {**ANN, "code": "9144030071526726XX"})
    assert response.status_code == 400
    assert 'value="Ann Example"' in response.content.decode()
    large = SimpleUploadedFile("a.pdf", b"%PDF-" + bytes(2 * 1024 * 1024))
    assert ann.post(f"{PAGE}senders/", {**ANN, "file": large}).status_code == 400
    assert not Sender.objects.exists()
    page = ann.post(f"{PAGE}senders/", {**ANN, "file": SimpleUploadedFile("a.pdf", b"%PDF-")}, follow=True)
    assert "Studio &lt;Ltd&gt;" in page.content.decode()
    assert "a.pdf" in ann.get(f"{PAGE}senders/1").content.decode()
    notices.create_draft(studio, (1,), "prc", "zh-Hans", by="Ann")
    assert 'name="sender" value="1"' in collapse_whitespace(ann.get(f"{PAGE}1/edit").content.decode())
    ann.post(f"{PAGE}1/edit", {"sender": "1", "sender_name": "Bob"})
    row = notices.get_notice(studio, 1)
    assert (row.fields["sender_name"], row.fields["sender_code"], row.sender_id) == (
        "Ann Example", ANN["code"], Sender.objects.get().pk,
    )  # fmt: skip
    assert "营业执照" in ann.get(f"{PAGE}1/").content.decode()
    ann.post(f"{PAGE}senders/1", {**ANN, "remove": "1"})
    assert notices.get_notice(studio, 1).fields["sender_name"] == "Ann Example"


def test_senders_belong_to_their_owner_and_are_editable_by_reviewers(ann: Client, studio: Owner) -> None:
    ann.post(f"{PAGE}senders/", ANN)
    assert create_member_client(studio, "bob", Role.VIEWER).get(f"{PAGE}senders/").status_code == 403
    agency = owner("agency")
    eve = create_member_client(agency, "eve", Role.OWNER)
    assert eve.get("/o/agency/notices/senders/1").status_code == 404
    assert eve.get(f"{PAGE}senders/1").status_code == 404


def test_notice_to_an_eu_host_is_offered_in_the_local_language(ann: Client, studio: Owner) -> None:
    Case.objects.update(party="laden.de")
    notices.create_draft(studio, (1,), "dsa", "en", by="Ann")
    page = collapse_whitespace(ann.get(f"{PAGE}1/edit").content.decode())
    assert 'name="language" value="de"' in page
    ann.post(f"{PAGE}1/edit", {"language": "zh-Hans"})
    assert notices.get_notice(studio, 1).language == "en"
    ann.post(f"{PAGE}1/edit", {"language": "de"})
    assert "Official languages in that country" not in ann.get(f"{PAGE}1/edit").content.decode()
    letter = ann.get(f"{PAGE}1/").content.decode()
    assert 'lang="de"' in letter
    ann.post(f"{PAGE}1/edit", {"addressee_country": "PL"})
    page = collapse_whitespace(ann.get(f"{PAGE}1/edit").content.decode())
    assert has_test_id(page, "no-wording")
