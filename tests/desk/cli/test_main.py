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
def failing_command(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
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
    ("error", "code", "expected"),
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
def test_every_error_prints_a_message_and_sets_its_exit_code(
    failing_command: ModuleType, capsys: pytest.CaptureFixture[str], error: BaseException, code: ExitCode, expected: str
) -> None:
    failing_command.__dict__["error"] = error
    assert main(["fail"]) == code
    output = capsys.readouterr()
    assert (output.out, bool(output.err.strip()), expected in output.err) == ("", True, True)
    assert "more" not in output.err


@pytest.mark.parametrize(
    ("number", "before"),
    [(signal.SIGINT, signal.SIG_IGN), (signal.SIGTERM, signal.SIG_DFL), (signal.SIGHUP, signal.SIG_DFL)],
)
def test_sigint_sigterm_and_sighup_end_a_command_in_the_same_way(
    failing_command: ModuleType, capsys: pytest.CaptureFixture[str], number: signal.Signals, before: signal.Handlers
) -> None:
    failing_command.__dict__["__getattr__"] = lambda _: signal.raise_signal(number)
    previous_handler = signal.signal(number, before)
    try:
        assert main(["fail"]) == ExitCode.INTERRUPTED
    finally:
        signal.signal(number, previous_handler)
    assert capsys.readouterr().err


def test_debug_mode_shows_the_traceback(failing_command: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXHIBIT_DEBUG", "true")
    failing_command.__dict__["error"] = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        main(["fail"])


def test_invalid_usage_exits_with_2_and_an_error_message(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, expected in (
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
        assert main(arguments) == ExitCode.INVALID_REQUEST
        output = capsys.readouterr()
        assert (output.out, expected in output.err) == ("", True)


def test_every_command_handles_unknown_options_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    for _section, name, _command in all_commands():
        assert main([*name.split(), "--no-such-option"]) == 2, name
        output = capsys.readouterr()
        assert "No such option" in output.err, name
        assert "Traceback" not in output.err + output.out, name
        assert main([*name.split(), "--help"]) == 0, name
        assert f"  exhibit {name}" in capsys.readouterr().out


def test_overview_lists_each_command_once_and_at_most_thirty() -> None:
    names = [name for _section, name, _command in all_commands()]
    assert names == COMMANDS
    assert len(set(names)) == len(names) <= 31  # with `exhibit api` for everything else
    context = click.Context(exhibit)
    for first in {name.partition(" ")[0] for name in names}:
        command = exhibit.get_command(context, first)
        below = command.commands if isinstance(command, click.Group) else {""}
        assert {f"{first} {subcommand}".strip() for subcommand in below} <= set(names)


def test_overview_is_fast_and_loads_neither_django_nor_images() -> None:
    program = (
        "import sys\nfrom desk.cli.main import main\ncode = main(['--help'])\n"
        "heavy = {'django', 'celery', 'numpy', 'cv2', 'faiss', 'PIL', 'requests'} & set(sys.modules)\n"
        "sys.exit(code or ' '.join(heavy) or 0)"
    )
    start = time.monotonic()
    run = subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    assert time.monotonic() - start < 5


def iter_direct_imports(block: list[ast.stmt]) -> Iterator[str]:
    """Yield the imports that a command executes before, or without, setting up servers and Django."""
    for statement in block:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            yield ast.unparse(statement)
        inner = [each for name in ("body", "orelse", "finalbody") for each in getattr(statement, name, [])]
        yield from iter_direct_imports(inner)
        maybe = any(isinstance(node, ast.IfExp) for node in ast.walk(statement))
        if not inner and not maybe and "open_command_context()" in ast.unparse(statement):
            return


def test_commands_load_no_django_before_they_need_it() -> None:
    loads = dict[str, list[str]]()
    for _section, name, command in all_commands():
        (function,) = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(command.callback)))).body  # type: ignore[arg-type]
        assert isinstance(function, ast.FunctionDef)
        loads[name] = list(iter_direct_imports(function.body))
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


def test_invalid_setting_is_reported(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXHIBIT_WORKRES", "3")
    assert main(["status"]) == ExitCode.INVALID_REQUEST
    assert "EXHIBIT_WORKRES" in capsys.readouterr().err


def test_launcher_works_from_any_folder_and_through_a_link(alone: Terminal, tmp_path: Path) -> None:
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
