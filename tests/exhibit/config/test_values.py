from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from exhibit.config import values
from exhibit.errors import ConfigError, ExitCode
from tests.assets.settings_file import load_settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://x"),
        ("REDIS_URL", "http://x"),
        ("EXHIBIT_WEB_PORT", "70000"),
        ("EXHIBIT_WEB_PORT", "eighty"),
        ("EXHIBIT_WORKERS", "0"),
        ("EXHIBIT_WORKERS", "2.5"),
        ("EXHIBIT_CONTACT", "me"),
        ("EXHIBIT_ALLOWED_NETWORKS", "10.0.0.1/8"),
        ("EXHIBIT_ALLOWED_NETWORKS", "everything"),
        ("EXHIBIT_LANGUAGES", "en,fr"),
        ("EXHIBIT_TIME_ZONE", "Mars/Olympus"),
        ("EXHIBIT_TIME_ZONE", "../../etc/passwd"),
        ("EXHIBIT_DEBUG", "maybe"),
        ("EXHIBIT_MAIL_URL", "http://mail.example"),
        ("EXHIBIT_MAIL_URL", "smtp://"),
        ("EXHIBIT_MAIL_URL", "smtp://mail.example:many"),
        ("EXHIBIT_MAIL_URL", "smtp://ann:secret@mail.example"),
        ("EXHIBIT_MAIL_FROM", "us"),
        ("EXHIBIT_MAIL_FROM", "a@example.org, b@example.org"),
        ("EXHIBIT_PUBLIC_URL", "ftp://x"),
        ("EXHIBIT_OPERATOR_NAME", "two\nlines"),
        ("EXHIBIT_LOG_ORIGIN", "Our Log"),
        ("EXHIBIT_LOG_ORIGIN", "example.org/log+1"),
        ("EXHIBIT_LOG_ORIGIN", "example.org/\x7f"),
        ("EXHIBIT_OWNER_QUOTA_BYTES", str(2**53)),
    ],
)
def test_invalid_value_is_reported_with_the_setting_name(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name) as caught:
        load_settings(tmp_path, **{name: value})
    assert caught.value.exit_code is ExitCode.INVALID_REQUEST


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://u:hunter2@db/x"),
        ("DATABASE_URL", "postgresql://u:hunter2@db/x\ny"),
        ("EXHIBIT_MAIL_URL", "smtps://u:hunter2@:25"),
        ("EXHIBIT_MAIL_URL", "smtps://u:hunter2@mail.example:many"),
        ("EXHIBIT_PUBLIC_URL", "https://u:hunter2@site.example:many"),
        ("EXHIBIT_METRICS_TOKEN", "hunter2"),
        ("EXHIBIT_METRICS_TOKEN", "hunter2hunter2hunter2\nhunter2"),
    ],
)
def test_secret_in_invalid_value_is_not_shown(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name) as caught:
        load_settings(tmp_path, **{name: value})
    assert "hunter2" not in str(caught.value)


def test_file_and_environment_values_are_equivalent() -> None:
    assert values.parse_bool(value=True) == values.parse_bool(" Yes ") == values.parse_bool("1")
    assert values.build_integer_parser(1, 9)("7") == values.build_integer_parser(1, 9)(7) == 7
    assert values.parse_texts("a, b,,c ") == values.parse_texts(["a", "b", "", "c"]) == ("a", "b", "c")
    assert values.parse_day(date(2026, 11, 1)) == values.parse_day("2026-11-01") == "2026-11-01"
    assert values.parse_networks("10.0.0.0/8,::1") == ("10.0.0.0/8", "::1/128")
    assert values.build_choice_parser("always", "never")("NEVER") == "never"
    assert (values.parse_path(""), values.parse_day(""), values.parse_web_url("")) == (None, "", "")
    assert values.parse_web_url("https://a.example/") == "https://a.example"
    for url in ("", "https://web.archive.org", "https://a.example:8443", "http://127.0.0.1:8000", "http://localhost"):
        assert values.parse_web_archive_url(url) == url
    assert values.parse_mail_url("smtp://ann:secret@localhost") == "smtp://ann:secret@localhost"
    assert values.parse_blobs_url("s3://bucket/where/") == "s3://bucket/where"
    assert (values.parse_blobs_url("file:///mnt/a%20b/"), values.parse_blobs_url("")) == ("file:///mnt/a%20b", "")
    assert values.parse_milvus_url("https://milvus.example:19530/pictures/") == "https://milvus.example:19530/pictures"
    assert values.parse_milvus_url("") == ""
    assert values.parse_mail_address("Exhibit <exhibit@example.org>") == "Exhibit <exhibit@example.org>"


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (values.parse_text, "two\nlines"),
        (values.parse_texts, 3),
        (values.parse_bool, "perhaps"),
        (values.build_integer_parser(1), "0"),
        (values.build_integer_parser(1), True),
        (values.build_choice_parser("always", "never"), "sometimes"),
        (values.parse_price, "0.02 euro"),
        (values.parse_token, "too short"),
        (values.parse_web_url, "https://"),
        (values.parse_mail_url, "smtp://ann:secret@mail.example"),
        (values.parse_blobs_url, "/mnt/exhibit"),
        (values.parse_blobs_url, "s3://"),
        (values.parse_blobs_url, "s3://key:secret@bucket/where"),
        (values.parse_blobs_url, "az://container?sig=secret"),
        (values.parse_blobs_url, "file://mnt/exhibit"),
        (values.parse_milvus_url, "milvus:19530"),
        (values.parse_milvus_url, "http://root:secret@milvus:19530"),
        (values.parse_milvus_url, "http://milvus:19530/one/two"),
        (values.parse_milvus_url, "http://milvus:19530?token=secret"),
        (values.parse_web_archive_url, "http://web.archive.org"),  # keys would be sent unencrypted
        (values.parse_web_archive_url, "http://localhost.example"),
        (values.parse_web_archive_url, "https://access:secret@web.archive.org"),
        (values.parse_web_archive_url, "https://web.archive.org/save"),
        (values.parse_languages, "en,en"),
        (values.parse_time_zone, "Mars/Olympus"),
        (values.parse_day, "lately"),
    ],
)
def test_value_outside_the_allowed_range_is_refused(check: Callable[[object], object], value: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        check(value)
