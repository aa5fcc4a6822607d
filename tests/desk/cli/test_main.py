"""Test the command line as a whole: its overview, and how errors end."""

import ast
import errno
import inspect
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import click
import pytest

from desk.cli.main import COMMANDS, exhibit, main
from exhibit.errors import ExhibitError, ExitCode
from tests import CHECKOUT
from tests.assets.command_line import Terminal
from tools.reference.commands import all_commands


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A command `fail` that raises the exception stored in its module."""
    module = ModuleType("desk.cli.fail")

    @click.command("fail")
    def fail() -> None:
        raise module.error

    module.__dict__["fail_command"] = fail
    monkeypatch.setitem(sys.modules, "desk.cli.fail", module)
    monkeypatch.setattr("desk.cli.main.COMMANDS", [*COMMANDS, "fail"])
    monkeypatch.delenv("EXHIBIT_DEBUG", raising=False)
    return module


class OperationalError(Exception):
    """An exception with the database driver's name and module."""

    __module__ = "django.db.utils"


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ExhibitError("It can't be.", hint="Try that."), ExitCode.CHECK_FAILED, "It can't be.\nTry that."),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED, ""),
        (click.Abort(), ExitCode.INTERRUPTED, ""),
        (OperationalError("no route\nmore"), ExitCode.SERVICE_MISSING, "no route"),
        (OSError(errno.ENOSPC, "No space", "f"), ExitCode.SERVICE_MISSING, ""),
        (OSError(errno.EROFS, "Read-only", "/some/file"), ExitCode.SERVICE_MISSING, "/some/file"),
        (ZeroDivisionError("by zero"), ExitCode.CHECK_FAILED, "EXHIBIT_DEBUG"),
    ],
)
def test_every_error_ends_with_a_sentence_and_its_code(
    failing: ModuleType, capsys: pytest.CaptureFixture[str], error: BaseException, code: ExitCode, said: str
) -> None:
    failing.__dict__["error"] = error
    assert main(["fail"]) == code
    ended = capsys.readouterr()
    assert (ended.out, bool(ended.err.strip()), said in ended.err) == ("", True, True)
    assert "more" not in ended.err


@pytest.mark.parametrize(
    ("number", "before"),
    [(signal.SIGINT, signal.SIG_IGN), (signal.SIGTERM, signal.SIG_DFL), (signal.SIGHUP, signal.SIG_DFL)],
)
def test_ctrl_c_a_request_to_end_and_a_closed_terminal_end_a_command_alike(
    failing: ModuleType, capsys: pytest.CaptureFixture[str], number: signal.Signals, before: signal.Handlers
) -> None:
    failing.__dict__["__getattr__"] = lambda _: signal.raise_signal(number)
    usual = signal.signal(number, before)
    try:
        assert main(["fail"]) == ExitCode.INTERRUPTED
    finally:
        signal.signal(number, usual)
    assert capsys.readouterr().err


def test_with_debugging_the_trace_is_shown(failing: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXHIBIT_DEBUG", "true")
    failing.__dict__["error"] = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        main(["fail"])


def test_wrong_use_ends_with_2_and_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    for words, said in (
        (["wrok", "add"], "'work'"),
        (["verfi"], "'verify'"),
        (["case", "lsit"], "'list'"),
        (["case", "list", "--jsno"], "'--json'"),
        (["xyzzy"], "exhibit api --list"),
        (["party", "list"], "exhibit api --list"),
        (["case", "confirm", "abc"], "whole number from 1 up"),
        (["model", "add", "--works", "3", __file__], "whole number from 4 to 500"),
        (["case", "confirm"], "NUMBERS"),
        (["case", "list", "--owner", "\x1b[2J"], "control character"),
    ):
        assert main(words) == ExitCode.WRONG_USE
        ended = capsys.readouterr()
        assert (ended.out, said in ended.err) == ("", True)


def test_every_command_answers_what_it_does_not_know_and_a_cry_for_help(capsys: pytest.CaptureFixture[str]) -> None:
    for _section, name, _command in all_commands():
        assert main([*name.split(), "--no-such-option"]) == 2, name
        refused = capsys.readouterr()
        assert "No such option" in refused.err, name
        assert "Traceback" not in refused.err + refused.out, name
        assert main([*name.split(), "--help"]) == 0, name
        assert f"  exhibit {name}" in capsys.readouterr().out


def test_the_overview_lists_each_command_once_and_no_more_than_thirty() -> None:
    names = [name for _section, name, _command in all_commands()]
    assert names == COMMANDS
    assert len(set(names)) == len(names) <= 31  # with `exhibit api` for everything else
    context = click.Context(exhibit)
    for first in {name.partition(" ")[0] for name in names}:
        command = exhibit.get_command(context, first)
        below = command.commands if isinstance(command, click.Group) else {""}
        assert {f"{first} {one}".strip() for one in below} <= set(names)


def test_the_overview_comes_at_once_and_loads_neither_django_nor_pictures() -> None:
    program = (
        "import sys\nfrom desk.cli.main import main\ncode = main(['--help'])\n"
        "heavy = {'django', 'celery', 'numpy', 'cv2', 'faiss', 'PIL', 'requests'} & set(sys.modules)\n"
        "sys.exit(code or ' '.join(heavy) or 0)"
    )
    begun = time.monotonic()
    run = subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    assert time.monotonic() - begun < 5


def loaded_without_a_desk(block: list[ast.stmt]) -> Iterator[str]:
    """Yield what the statements of a command import before, or without, the setup of servers and Django."""
    for statement in block:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            yield ast.unparse(statement)
        inner = [each for name in ("body", "orelse", "finalbody") for each in getattr(statement, name, [])]
        yield from loaded_without_a_desk(inner)
        maybe = any(isinstance(one, ast.IfExp) for one in ast.walk(statement))
        if not inner and not maybe and "open_desk()" in ast.unparse(statement):
            return


def test_what_commands_load_without_a_desk_needs_no_django() -> None:
    loads = dict[str, list[str]]()
    for _section, name, command in all_commands():
        (made,) = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(command.callback)))).body  # type: ignore[arg-type]
        assert isinstance(made, ast.FunctionDef)
        loads[name] = list(loaded_without_a_desk(made.body))
    program = """if True:
        import json, sys
        failed = []
        for name, lines in json.load(sys.stdin).items():
            try:
                exec("\\n".join(lines), {})
            except Exception as error:
                failed.append(f"{name}: {error}")
        sys.exit(" ".join(failed) or 0)
    """
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=CHECKOUT, input=json.dumps(loads), env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (run.returncode, run.stderr) == (0, "")
    assert any(loads.values())


def test_a_setting_that_is_none_is_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXHIBIT_WORKRES", "3")
    assert main(["status"]) == ExitCode.WRONG_USE
    assert "EXHIBIT_WORKRES" in capsys.readouterr().err


def test_the_launcher_works_from_anywhere_and_through_a_link(alone: Terminal, tmp_path: Path) -> None:
    link = tmp_path / "exhibit"
    link.symlink_to(CHECKOUT / "bin" / "exhibit")
    (tmp_path / "desk.py").write_text("raise SystemExit('loaded from the folder in which somebody stands')")
    run = subprocess.run([str(link), "down"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (run.returncode, "loaded from the folder" in run.stderr) == (ExitCode.SERVICE_MISSING, False)


def test_every_command_is_loaded_without_django() -> None:
    modules = sorted({name.partition(" ")[0] for name in COMMANDS})
    program = f"import importlib\nfor name in {modules!r}: importlib.import_module('desk.cli.' + name)"
    loaded = subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert loaded.returncode == 0, loaded.stderr
