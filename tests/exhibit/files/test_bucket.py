"""Test a bucket's owner, error messages, and named objects, with an S3 server."""

import io
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path

import obstore
import pytest
from obstore.store import MemoryStore, S3Store

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import IntegrityError, StorageError
from exhibit.files.blobs import BlobStore, _read_unchanged
from exhibit.files.bucket import (
    BUCKET_FULL,
    BUCKET_MISSING,
    FOREIGN_BUCKET,
    NO_CONDITIONAL_WRITES,
    Bucket,
    BucketFolder,
    open_store,
)
from exhibit.machine import describe_machine_fault
from tests import CHECKOUT
from tests.assets.relay import run_relay
from tests.assets.swift_server import S3, SECRET, USER, bucket_on

BYTES = bytes(range(256)) * 9
ABSENT = Digest.from_bytes(b"nobody has put this")


@pytest.fixture
def bucket(s3: S3, tmp_path: Path) -> Bucket:
    return bucket_on(s3, tmp_path)


def error_message(ask: Callable[[], object]) -> str:
    """Return the message of a failure, which is the machine's and reveals no secret."""
    with pytest.raises(StorageError) as failed:
        ask()
    assert failed.value.retry
    assert failed.value.hint
    assert SECRET not in str(failed.value)
    assert failed.value.__cause__ is None
    return describe_machine_fault(failed.value)


def test_changed_bytes_are_detected_and_rewritten(bucket: Bucket) -> None:
    store = BlobStore(bucket, "blobs")
    digest = store.put(BYTES)
    obstore.put(bucket.objects, f"blobs/{digest.hex[:2]}/{digest.hex[2:4]}/{digest.hex}", b"changed")
    assert not store.is_intact(digest)
    with pytest.raises(IntegrityError, match=digest.hex):
        store.get(digest)
    assert store.put(BYTES) == digest
    assert store.get(digest) == BYTES


def test_unrelated_objects_in_the_bucket_are_not_listed(bucket: Bucket) -> None:
    store = BlobStore(bucket, "blobs")
    digest = store.put(BYTES)
    for name in ("notes.txt", f"blobs/{digest.hex}", f"blobs/ab/cd/{digest.hex}", f"withheld/ab/cd/abcd{'0' * 60}"):
        obstore.put(bucket.objects, name, b"mine")
    assert list(store) == [digest]


def test_object_store_that_ignores_conditional_writes_is_refused(s3: S3, tmp_path: Path) -> None:
    bucket = bucket_on(s3, tmp_path, endpoint=f"http://127.0.0.1:{s3.heedless_port}")
    for _ in range(2):
        assert error_message(lambda: bucket.objects) == NO_CONDITIONAL_WRITES


def test_bucket_belongs_to_first_installation(s3: S3, tmp_path: Path, bucket: Bucket) -> None:
    assert not bucket.is_claimed()
    digest = BlobStore(bucket, "blobs").put(BYTES)
    assert bucket.is_claimed()
    name = next(tmp_path.glob("*.made")).stem
    (tmp_path / "other").mkdir()
    other = bucket_on(s3, tmp_path / "other", name=name, owner="them")
    for ask in (
        other.is_claimed,
        partial(BlobStore(other, "blobs").put, b"theirs"),
        partial(BlobStore(other, "blobs").get, digest),
    ):
        assert error_message(ask) == FOREIGN_BUCKET
    assert list((tmp_path / "other").glob("*.made")) == []
    own_bucket = bucket_on(s3, tmp_path / "other", name=name)
    assert list(BlobStore(own_bucket, "blobs")) == [digest]


def test_missing_bucket_is_reported_as_missing_service(s3: S3, tmp_path: Path) -> None:
    store = BlobStore(bucket_on(s3, tmp_path, name="never-made"), "blobs")
    operations: list[Callable[[], object]] = [
        partial(store.get, ABSENT),
        partial(store.put, BYTES),
        partial(list, store),
    ]
    for ask in operations:
        assert error_message(ask) == BUCKET_MISSING


def test_deleted_bucket_is_not_treated_as_empty(s3: S3, tmp_path: Path, bucket: Bucket) -> None:
    store = BlobStore(bucket, "blobs")
    digest = store.put(BYTES)
    name = next(tmp_path.glob("*.made")).stem
    obstore.delete(bucket.objects, [entry["path"] for some in obstore.list(bucket.objects) for entry in some])
    for again in (store, BlobStore(bucket_on(s3, tmp_path, name=name), "blobs")):
        operations: list[Callable[[], object]] = [partial(again.get, digest), partial(again.size, digest)]
        operations += [partial(again.remove, digest), partial(again.__contains__, digest), partial(list, again)]
        for ask in operations:
            assert error_message(ask) == BUCKET_MISSING


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"secret_access_key": "wrong"}, "The bucket rejected the access keys: SignatureDoesNotMatch."),
        ({"access_key_id": "nobody"}, "The bucket rejected the access keys: "),
        (
            {"access_key_id": "test:guest", "secret_access_key": "guest"},
            "The bucket rejected the access keys: AccessDenied.",
        ),
        ({"endpoint": "http://127.0.0.1:9"}, "The bucket is not responding."),
        ({"no_such_setting": "1"}, "The bucket cannot be used with the current configuration."),
    ],
)
def test_invalid_keys_and_locations_are_reported_in_a_sentence(
    s3: S3, tmp_path: Path, settings: dict[str, str], sentence: str
) -> None:
    store = BlobStore(bucket_on(s3, tmp_path, **settings), "blobs")
    assert error_message(partial(store.put, BYTES)).startswith(sentence)


def test_bucket_keys_and_endpoint_are_read_from_the_environment(
    s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bucket: Bucket
) -> None:
    environment = {"ACCESS_KEY_ID": USER, "SECRET_ACCESS_KEY": SECRET, "ALLOW_HTTP": "true"}
    for name, value in {**environment, "ENDPOINT_URL": f"http://127.0.0.1:{s3.port}"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    digest = BlobStore(bucket, "blobs").put(BYTES)
    url = f"s3://{next(tmp_path.glob('*.made')).stem}/some/where"
    again = Bucket(partial(open_store, url, tmp_path / "no file"), "us", tmp_path / "made")
    assert BlobStore(again, "blobs").get(digest) == BYTES


def test_full_bucket_is_reported_and_accepts_bytes_after_cleanup(s3: S3, tmp_path: Path) -> None:
    s3.make_bucket("full", **{"X-Container-Meta-Quota-Bytes": "2000"})
    store = BlobStore(bucket_on(s3, tmp_path, name="full"), "blobs")
    assert error_message(partial(store.put, BYTES)) == BUCKET_FULL
    s3.send_request("POST", "/full", **{"X-Container-Meta-Quota-Bytes": "200000"})
    assert store.get(store.put(BYTES)) == BYTES


def test_put_retried_after_a_lost_response_stores_bytes_once(s3: S3, tmp_path: Path) -> None:
    with run_relay(s3.port) as relay:
        store = BlobStore(bucket_on(s3, tmp_path, endpoint=f"http://127.0.0.1:{relay.port}"), "blobs")
        store.put(b"something before")
        relay.lose = 1
        with suppress(StorageError):
            store.put(BYTES)
        assert relay.lose == 0
        assert store.get(store.put(BYTES)) == BYTES
        assert len(list(store)) == 2


def test_unresponsive_server_times_out(s3: S3, tmp_path: Path) -> None:
    with run_relay(s3.port) as relay:
        relay.silent = True
        objects = S3Store(
            "never",
            endpoint=f"http://127.0.0.1:{relay.port}",
            skip_signature=True,
            client_options={"timeout": timedelta(seconds=0.2), "allow_http": True},
            retry_config={"max_retries": 1},
        )
        store = BlobStore(Bucket(lambda: objects, "us", tmp_path / "made"), "blobs")
        assert error_message(partial(store.get, ABSENT)) == "The bucket is not responding."


def test_file_changed_during_read_is_not_stored() -> None:
    assert list(_read_unchanged(io.BytesIO(BYTES), Digest.from_bytes(BYTES))) == [BYTES]
    with pytest.raises(IntegrityError, match="changed"):
        list(_read_unchanged(io.BytesIO(BYTES), ABSENT))


@pytest.fixture(params=["memory", "s3"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> BucketFolder:
    if request.param == "s3":
        return BucketFolder(bucket_on(request.getfixturevalue("s3"), tmp_path), "here")
    store = MemoryStore()
    return BucketFolder(Bucket(lambda: store, "us", tmp_path / "made"), "here")


def test_named_object_is_replaced_by_put_but_not_by_create(objects: BucketFolder) -> None:
    assert objects.get("a") is None
    objects.put("a", b"first")
    objects.put("a", b"second")
    stored = objects.get("a")
    assert stored is not None
    assert stored[0] == b"second"
    assert objects.create("a", b"third") is False
    assert objects.create("deep/b", b"third") is True
    names = dict(objects.names())
    assert sorted(names) == ["a", "deep/b"]
    assert (list(dict(objects.names("deep"))), objects.folders()) == (["deep/b"], ["deep"])
    assert abs((names["a"] - now()).total_seconds()) < 60
    for _ in range(2):
        objects.remove("a")
    assert sorted(dict(objects.names())) == ["deep/b"]


def test_second_of_two_conflicting_replacements_is_refused(objects: BucketFolder) -> None:
    objects.create("a", b"first")
    [first, mark] = objects.get("a") or (b"", "")
    assert first == b"first"
    objects.replace("a", b"second", mark)
    with pytest.raises(StorageError, match="Another process replaced"):
        objects.replace("a", b"third", mark)
    objects.remove("a")
    with pytest.raises(StorageError, match="Another process replaced"):
        objects.replace("a", b"third", mark)
    assert objects.get("a") is None


_FORKED = """
import os, sys
from pathlib import Path
from obstore.store import MemoryStore
from exhibit.files.blobs import BlobStore
from exhibit.files.bucket import Bucket
objects = MemoryStore()
blobs = BlobStore(Bucket(lambda: objects, "us", Path(sys.argv[1])))
digest = blobs.put(b"bytes")
if not (child := os.fork()):
    try:
        blobs.get(digest)
    except RuntimeError:
        os._exit(7)
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_process_forked_after_a_request_raises_instead_of_hanging(
    tmp_path: Path,
) -> None:
    line = [sys.executable, "-c", _FORKED, str(tmp_path / "made")]
    assert subprocess.run(line, cwd=CHECKOUT, timeout=60, check=False).returncode == 7
