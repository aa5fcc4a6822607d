"""Test that proposed queries come from texts that people wrote, not from camera file names."""

from exhibit.clock import now
from registry.crawls import proposed_queries
from registry.models import Collection, Owner
from tests.assets.rows import owner


def add_works(rights_holder: Owner, *titles: str, author: str = "", keywords: str = "") -> None:
    for title in titles:
        number = rights_holder.works.count() + 1
        metadata = {"keywords": keywords} if keywords else {}
        rights_holder.works.create(number=number, title=title, author=author, metadata=metadata, registered_at=now())


def test_proposed_queries_use_titles_authors_and_keywords_but_not_camera_file_names(db: None) -> None:
    studio = owner("studio")
    assert proposed_queries.propose_queries(studio) == []
    add_works(studio, "DSC_0012", "IMG-20240101-WA0003", "P1010101", "12345", "–", "Picture 1", author="Ann Lee, Bob")
    assert proposed_queries.propose_queries(studio) == ["Ann Lee"]
    add_works(studio, "Route 66", "red_wave-02", "red wave (2)", "红色的海浪", keywords="Harbour, dawn")
    Collection.objects.create(owner=studio, number=1, name="Harbours of Kent", made_at=now())
    assert proposed_queries.propose_queries(studio) == [
        "Ann Lee", "红色的海浪", "Harbour", "Harbours of Kent", "red wave", "dawn", "Route 66",
    ]  # fmt: skip
    add_works(studio, *(f"Title {letter * 3}" for letter in "abcdefghijklmnop"))
    assert len(proposed_queries.propose_queries(studio)) == proposed_queries.MAX_QUERIES
