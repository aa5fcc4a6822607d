"""Exhibit as a systemd service, so that a reboot brings it back."""

import os
import pwd
import shutil
import subprocess
from pathlib import Path

import click

import exhibit
from desk.cli.common.files import made_folder, write_file
from desk.cli.common.frame import examples
from desk.cli.common.show import say
from exhibit.config.config import FILE_NAME, Config
from exhibit.errors import ServiceMissingError, WrongUseError
from registry.configuration import load_config

CHECKOUT = Path(exhibit.__file__).parents[1]
NAME = "exhibit.service"
SYSTEM_UNITS = Path("/etc/systemd/system")
STATE = Path("/var/lib/exhibit")
"""root's data folder, unless another one is named; systemd gives it to the user of the service."""
UNIT = Path(__file__).with_name(NAME).read_text("utf-8")
"""systemd.service(5), systemd.exec(5). The main process ends the others in order; what is left then is killed."""
service_command = click.Group("service", help="Run Exhibit as a systemd service: install, remove, show.")

run_as_option = click.option(
    "--run-as", metavar="USER", help="Root only: the user as whom it runs; the owner of this checkout, if not named."
)


@service_command.command(
    "install", epilog=examples("exhibit service install", "sudo bin/exhibit service install --run-as exhibit")
)
@run_as_option
def install_command(*, run_as: str | None) -> None:
    """Start Exhibit now, and again after each reboot.

    Root makes a service of the system, an ordinary user one of their own. Ends with 2 when Exhibit runs already or a
    setting stands in the environment that belongs into exhibit.toml, with 3 where there is no systemd.
    """
    path = _unit_path()
    if shutil.which("systemctl") is None:
        hint = "Let another service manager run what `exhibit service show` prints."
        raise ServiceMissingError("There is no systemd here.", hint=hint)
    _refuse_what_would_differ(load_config())
    write_file(made_folder(path.parent) / NAME, _unit(run_as).encode())
    _systemctl("daemon-reload")
    _systemctl("enable", "--now", NAME)
    say(f"Exhibit runs as a service: {path}")
    say(f"What it says: journalctl {' '.join((*_scope(), '-u', NAME))}")
    if os.geteuid():
        user = pwd.getpwuid(os.geteuid()).pw_name
        say(f"It starts when you sign in. To start it with the machine: sudo loginctl enable-linger {user}")


@service_command.command("remove", epilog=examples("exhibit service remove"))
def remove_command() -> None:
    """Stop the service and take it away; data and settings stay."""
    path = _unit_path()
    if not path.exists():
        raise WrongUseError(f"There is no {path}.", hint="Nothing was changed.")
    _systemctl("disable", "--now", NAME)
    path.unlink()
    _systemctl("daemon-reload")
    say(f"Removed {path}. Data and settings are where they were.")


@service_command.command("show", epilog=examples("exhibit service show", "exhibit service show > exhibit.service"))
@run_as_option
def show_command(*, run_as: str | None) -> None:
    """Print the unit file that `install` writes; changes nothing."""
    click.echo(_unit(run_as), nl=False)


def _refuse_what_would_differ(config: Config) -> None:
    """Raises ``WrongUseError`` where Exhibit runs already, or has settings here that the service wouldn't have."""
    from workers.tasks import supervisor

    # a lock that root makes here would be nobody's to take but root's
    lock = config.data_dir / "locks" / "supervisor.lock"
    if lock.exists() and (running := supervisor.running_status(config)) is not None:
        raise WrongUseError(f"Exhibit runs already: {running.address}", hint="End it first: exhibit down")
    given = {name for name in os.environ if name.startswith("EXHIBIT_")} | {"DATABASE_URL", "REDIS_URL"}
    if lost := sorted(name for name in given - {"EXHIBIT_DATA"} if os.environ.get(name)):
        hint = f"Write them into {config.data_dir / FILE_NAME}, and unset them here."
        raise WrongUseError(f"The service wouldn't have what is set here: {', '.join(lost)}.", hint=hint)


def _unit(run_as: str | None) -> str:
    """The unit file; the data folder is named, so that it is the same one whatever the environment says."""
    config = load_config()
    root = os.geteuid() == 0
    if run_as is not None and not root:
        raise WrongUseError("Only root can name another user.", hint="Leave --run-as out, or call it with sudo.")
    return UNIT.format(
        documentation=_escaped(str(CHECKOUT / "docs" / "operator.md")).replace(" ", "%%20"),
        command=_quoted(str(CHECKOUT / "bin" / "exhibit")),
        folder=_escaped(str(CHECKOUT)),
        data=_quoted(f"EXHIBIT_DATA={config.data_dir}"),
        who=_who(config.data_dir, _user(run_as)) if root else "",
        target="multi-user.target" if root else "default.target",
    )


def _who(data: Path, user: str) -> str:
    """The lines that say as whom it runs; a data folder that is somebody else's is refused."""
    if data == STATE:
        return f"User={user}\nStateDirectory={data.name}\nStateDirectoryMode=0700\n"
    if data.exists() and data.stat().st_uid != pwd.getpwnam(user).pw_uid:
        hint = f"Give it to them (chown -R {user}: {data}), or name another user."
        raise WrongUseError(f"{data} doesn't belong to {user}.", hint=hint)
    return f"User={user}\n"


def _user(named: str | None) -> str:
    """Whose service it is."""
    try:
        return pwd.getpwnam(named).pw_name if named else pwd.getpwuid(CHECKOUT.stat().st_uid).pw_name
    except KeyError as error:
        hint = "Add one: useradd --system --create-home exhibit"
        raise WrongUseError(f"There is no user {named or 'who owns this checkout'}.", hint=hint) from error


def _escaped(text: str) -> str:
    return text.replace("%", "%%")


def _quoted(text: str) -> str:
    """One word of a unit file; `$` is a variable only in commands, where doubling it means itself."""
    return '"' + _escaped(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _scope() -> tuple[str, ...]:
    return () if os.geteuid() == 0 else ("--user",)


def _unit_path() -> Path:
    if os.geteuid() == 0:
        return SYSTEM_UNITS / NAME
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user" / NAME


def _systemctl(*words: str) -> None:
    """Raises ``ServiceMissingError`` with what systemd says."""
    ran = subprocess.run(["systemctl", *_scope(), *words], capture_output=True, text=True, check=False)
    if ran.returncode:
        said = ran.stderr.strip() or f"It ended with {ran.returncode}."
        raise ServiceMissingError(f"systemd refused {words[0]}: {said}", hint="exhibit service show prints the unit.")
