"""The parts of the command line that need no server."""

import errno
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from zoneinfo import ZoneInfo

import click
import pytest

from desk.cli.common import show
from desk.cli.common.files import pictures_in, read_picture
from desk.cli.main import SECTIONS, main
from desk.cli.watching.periods import period, shown
from exhibit.errors import ExhibitError, ExitCode, RefusedError


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A command `fail` that raises what its module holds."""
    module = ModuleType("desk.cli.running.fail")

    @click.command("fail")
    def fail() -> None:
        raise module.error

    module.__dict__["fail_command"] = fail
    monkeypatch.setitem(sys.modules, "desk.cli.running.fail", module)
    monkeypatch.setitem(SECTIONS["Running"], "fail", "Fail.")
    monkeypatch.delenv("EXHIBIT_DEBUG", raising=False)
    return module


class OperationalError(Exception):
    """Named and placed as the database driver's."""

    __module__ = "django.db.utils"


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ExhibitError("It can't be.", hint="Try that."), ExitCode.CHECK_FAILED, "It can't be.\nTry that.\n"),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED, "Interrupted.\n"),
        (click.Abort(), ExitCode.INTERRUPTED, "Interrupted.\n"),
        (OperationalError("no route\nmore"), ExitCode.SERVICE_MISSING, "The database doesn't answer: no route.\n"),
        (OSError(errno.ENOSPC, "No space", "f"), ExitCode.SERVICE_MISSING, "The disk is full.\n"),
        (OSError(errno.EROFS, "Read-only", "f"), ExitCode.SERVICE_MISSING, "The disk is read-only.\n"),
        (
            ZeroDivisionError("by zero"),
            ExitCode.CHECK_FAILED,
            "This shouldn't have happened: ZeroDivisionError: by zero.\nEXHIBIT_DEBUG=true shows where.\n",
        ),
    ],
)
def test_every_error_ends_with_a_sentence_and_its_code(
    failing: ModuleType, capsys: pytest.CaptureFixture[str], error: BaseException, code: ExitCode, said: str
) -> None:
    failing.__dict__["error"] = error
    assert main(["fail"]) == code
    ended = capsys.readouterr()
    assert (ended.out, ended.err.lstrip()) == ("", said)


@pytest.mark.parametrize("command", ["block", "keep", "purge"])
def test_a_file_that_cannot_be_read_is_the_callers(capsys: pytest.CaptureFixture[str], command: str) -> None:
    for path, why in (("/proc/self/mem", "Input/output error"), ("x" * 300, "File name too long")):
        assert main([command, path, "--reason", "Order"]) == ExitCode.WRONG_USE
        assert capsys.readouterr().err == f"{path} can't be read: {why}.\n"


def test_with_debugging_the_trace_is_shown(failing: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXHIBIT_DEBUG", "true")
    failing.__dict__["error"] = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        main(["fail"])


def test_tables_are_aligned_also_with_wide_characters(capsys: pytest.CaptureFixture[str]) -> None:
    show.table(("work", "title", "size"), [(7, "灯塔", "a"), (1234, "Lighthouse", "b")])
    assert capsys.readouterr().out.splitlines() == [
        " work  title       size",
        "    7  灯塔        a",
        "1,234  Lighthouse  b",
    ]


def test_words_of_strangers_cannot_act_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show.table(("title",), [("\x1b[2J\u202egpj\r\n",)])
    show.say("a\x1b]0;title\x07b")
    out = capsys.readouterr().out
    assert not any(sign in out for sign in "\x1b\u202e\r\x07")
    assert "�[2J" in out


def test_fields_leave_out_what_is_empty(capsys: pytest.CaptureFixture[str]) -> None:
    show.fields([("title", "A"), ("author", ""), ("first publication", "1870")])
    assert capsys.readouterr().out.splitlines() == ["title              A", "first publication  1870"]


def test_sizes_numbers_and_times_are_in_a_readers_form() -> None:
    assert [show.size(count) for count in (0, 1023, 1024, 5 * 1024**2, 3 * 1024**4)] == [
        "0 bytes",
        "1023 bytes",
        "1.0 KiB",
        "5.0 MiB",
        "3.0 TiB",
    ]
    assert [show.counted(count, "case") for count in (0, 1, 1200)] == ["0 cases", "1 case", "1,200 cases"]
    noon = datetime(2026, 5, 1, 12, tzinfo=UTC)
    assert show.moment(noon, ZoneInfo("Asia/Shanghai")) == "2026-05-01 20:00 CST"
    assert show.moment(None, ZoneInfo("UTC")) == ""


@pytest.mark.parametrize(("text", "seconds"), [("30m", 1800), ("24h", 86_400), ("7d", 604_800), ("2w", 1_209_600)])
def test_periods_are_read(text: str, seconds: int) -> None:
    assert period(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "24", "h", "-1h", "1.5h", "1y", "1h30m", "99999999h"])
def test_other_periods_are_refused(text: str) -> None:
    with pytest.raises(click.BadParameter):
        period(text)


@pytest.mark.parametrize(
    ("seconds", "text"), [(90, "90s"), (1800, "30m"), (86_400, "24h"), (172_800, "2d"), (604_800, "1w")]
)
def test_periods_are_shown_in_their_largest_unit(seconds: int, text: str) -> None:
    assert shown(seconds) == text


def test_folders_give_their_pictures_and_named_files_count_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "a" / ".cache").mkdir(parents=True)
    for name in ("a/2.JPG", "a/1.png", "a/.cache/3.jpg", "a/notes.txt", "picture"):
        (tmp_path / name).touch()
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    given = pictures_in([tmp_path / "a", tmp_path / "picture", tmp_path / "a" / "1.png"])
    assert [one.name for one in given] == ["1.png", "2.JPG", "picture"]


def test_a_file_is_refused_before_it_is_read_when_it_is_too_large_or_no_file(tmp_path: Path) -> None:
    large = tmp_path / "large.jpg"
    large.write_bytes(b"12345")
    assert read_picture(large, 5) == b"12345"
    for path, most, reason in ((large, 4, "too-many-bytes"), (Path("/dev/zero"), 4, "not-a-file")):
        with pytest.raises(RefusedError) as raised:
            read_picture(path, most)
        assert raised.value.reason == reason
