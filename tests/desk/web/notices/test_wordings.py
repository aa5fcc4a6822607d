"""The wording of notices: an owner's own, and the one that is shipped."""

from django.test import Client

from registry.models import LogSubmission, Owner, Role
from tests.desk.web.notices.test_views import PAGE, ann, person, studio

__all__ = ["ann", "studio"]


def test_an_own_wording_is_saved_and_a_broken_one_explained(ann: Client, studio: Owner) -> None:
    boss, address = person(studio, "carol", Role.OWNER), f"{PAGE}wording/offer.en"
    texts = {
        "subject": "Pictures of {owner}",
        "body": "Hello\n{items}\n{offer}\n{contact}\n{signature}",
        "item": "{title}\n{places}",
    }
    page = boss.post(address, {**texts, "body": "{itmes}"}).content.decode()
    assert "Did you mean {items}?" in page
    assert "{itmes}</textarea>" in page
    before = LogSubmission.objects.filter(type="setting").count()
    boss.post(address, texts)
    assert LogSubmission.objects.filter(type="setting").count() == before + 1
    ann.post(f"{PAGE}new", {"party": "shop.example", "case": ["1"], "kind": "offer.en"})
    assert "Pictures of Studio\n\nHello\nWork 1\n" in ann.get(f"{PAGE}1/").content.decode()
    boss.post(address, {"restore": "1"})
    assert "Dear Sir or Madam" in ann.get(f"{PAGE}1/").content.decode()
