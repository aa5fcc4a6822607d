"""An archive that was in Milvus stays there; files that lay in a bucket are forgotten."""

from importlib import import_module

import pytest
from django.db import connection

from indexer.picture.spaces import PHASH, ROOTSIFT
from registry.matches import fingerprints
from registry.models import MilvusCollection
from tests.assets.indexes import BITS

migration = import_module("registry.migrations.0088_milvus_collections")
BEFORE = """
    CREATE TABLE registry_indexmanifest (collection text, space_id bigint, sequence bigint, segments jsonb);
    INSERT INTO registry_indexmanifest VALUES
        ('pictures', {hashes}, 7, '[["exhibit_0123_pictures_phash256_1_89ab", null]]'),
        ('pictures', {bits}, 8, '[["segment-00000001-0000", "gone-00000002-segment-00000001-0000.npy"]]'),
        ('works', {hashes}, 9, '[["segment-00000001-0000", null]]'),
        ('pictures', {votes}, 0, '[]')
"""


@pytest.mark.django_db
def test_collections_that_count_are_kept_and_files_are_not() -> None:
    fingerprints.forget_cached_spaces()
    hashes, bits, votes = map(fingerprints.space_id, (PHASH, BITS, ROOTSIFT))
    with connection.cursor() as cursor:
        cursor.execute(BEFORE.format(hashes=hashes, bits=bits, votes=votes))
        cursor.execute(migration.KEPT)
    kept = MilvusCollection.objects.values_list("space", "name", "sequence")
    assert list(kept) == [(hashes, "exhibit_0123_pictures_phash256_1_89ab", 7)]
    fingerprints.forget_cached_spaces()
