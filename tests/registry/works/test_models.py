"""Test works as rows: search fields, declarations, and duplicate files."""

from dataclasses import asdict

import pytest
from django.db import IntegrityError, transaction

from exhibit.clock import now
from exhibit.types import DeclaredWork
from registry.models import Upload, UploadFile, Work
from tests.assets.rows import owner


def test_search_text_follows_the_declaration(db: None) -> None:
    work = Work.objects.create(owner=owner("studio"), number=1, title="Two PARROTS", author="Ann", registered_at=now())
    work.source_name = "IMG_7.JPG"
    work.holder = "Bea"
    work.save()
    work.refresh_from_db()
    assert work.words == "two parrots ann bea img_7.jpg"
    assert str(work) == "1: Two PARROTS"


def test_declaration_round_trips() -> None:
    registration = {"office": "USCO", "number": "VA 1", "date": ""}
    row = Work(number=1, title="A", author="Ann", author_died=1900, registrations=[registration], medium="photograph")
    declaration = row.declared_work
    assert (declaration.title, declaration.author, declaration.author_died, declaration.medium) == (
        "A",
        "Ann",
        1900,
        "photograph",
    )
    assert declaration.registrations == (registration,)
    declared_work = DeclaredWork(title="A", holder="Bea", credit="© Ann", created="1999", medium="other")
    assert Work(**asdict(declared_work)).declared_work == declared_work


def test_file_name_is_unique_within_an_upload(db: None) -> None:
    upload = Upload.objects.create(owner=owner("studio"), number=1, started_by="Ann", started_at=now())
    UploadFile.objects.create(upload=upload, name="large.jpg", size=9)
    with pytest.raises(IntegrityError, match="upload_file_identity"), transaction.atomic():
        UploadFile.objects.create(upload=upload, name="large.jpg", size=9)
    UploadFile.objects.create(upload=upload, name="other.jpg", size=9)
