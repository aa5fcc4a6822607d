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


@click.command(
    "service",
    epilog=examples(
        "exhibit service",
        "sudo bin/exhibit service --run-as exhibit",
        "exhibit service --print > exhibit.service",
        "exhibit service --remove",
    ),
)
@click.option("--run-as", metavar="USER", help="User of the service (root only); the owner of the checkout by default.")
@click.option("--print", "print_only", is_flag=True, help="Print the unit file without installing it.")
@click.option("--remove", is_flag=True, help="Stop and remove the service; data and settings are kept.")
def service_command(*, run_as: str | None, print_only: bool, remove: bool) -> None:
    """Install Exhibit as a systemd service that starts now and after each reboot.

    As root, this installs a system service, otherwise a user service. Exits with 2 if Exhibit is already running or
    settings are in environment variables instead of exhibit.toml, with 3 if systemd is not available.
    """
    if print_only:
        click.echo(_unit(run_as), nl=False)
    elif remove:
        _remove()
    else:
        _install(run_as)


def _install(run_as: str | None) -> None:
    path = _unit_path()
    if shutil.which("systemctl") is None:
        hint = "Configure another service manager with the output of `exhibit service --print`."
        raise ServiceMissingError("systemd is not available on this machine.", hint=hint)
    _refuse_what_would_differ(load_config())
    write_file(made_folder(path.parent) / NAME, _unit(run_as).encode())
    _systemctl("daemon-reload")
    _systemctl("enable", "--now", NAME)
    say(f"Exhibit runs as a service: {path}")
    say(f"Log: journalctl {' '.join((*_scope(), '-u', NAME))}")
    if os.geteuid():
        user = pwd.getpwuid(os.geteuid()).pw_name
        say(f"It starts when you log in. To start it at boot: sudo loginctl enable-linger {user}")


def _remove() -> None:
    path = _unit_path()
    if not path.exists():
        raise WrongUseError(f"The service is not installed: {path} does not exist.", hint="Nothing was changed.")
    _systemctl("disable", "--now", NAME)
    path.unlink()
    _systemctl("daemon-reload")
    say(f"Removed {path}. Data and settings are unchanged.")


def _refuse_what_would_differ(config: Config) -> None:
    """Raises ``WrongUseError`` where Exhibit runs already, or has settings here that the service wouldn't have."""
    from workers.tasks import supervisor

    # a lock that root makes here would be nobody's to take but root's
    lock = config.data_dir / "locks" / "supervisor.lock"
    if lock.exists() and (running := supervisor.running_status(config)) is not None:
        raise WrongUseError(f"Exhibit is already running: {running.address}", hint="Stop it first: exhibit down")
    variables = {name for name in os.environ if name.startswith("EXHIBIT_")} | {"DATABASE_URL", "REDIS_URL"}
    if lost := sorted(name for name in variables - {"EXHIBIT_DATA"} if os.environ.get(name)):
        hint = f"Move them to {config.data_dir / FILE_NAME} and unset them."
        raise WrongUseError(f"The service would not have these variables: {', '.join(lost)}.", hint=hint)


def _unit(run_as: str | None) -> str:
    """The unit file; the data folder is named, so that it is the same one whatever the environment says."""
    config = load_config()
    root = os.geteuid() == 0
    if run_as is not None and not root:
        raise WrongUseError("Only root can choose another user.", hint="Omit --run-as, or use sudo.")
    return UNIT.format(
        documentation=_escaped(str(CHECKOUT / "docs" / "how-to" / "operate" / "run-as-a-service.md")).replace(
            " ", "%%20"
        ),
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
        hint = f"Change its owner (chown -R {user}: {data}), or choose another user."
        raise WrongUseError(f"{data} does not belong to {user}.", hint=hint)
    return f"User={user}\n"


def _user(name: str | None) -> str:
    """Whose service it is."""
    try:
        return pwd.getpwnam(name).pw_name if name else pwd.getpwuid(CHECKOUT.stat().st_uid).pw_name
    except KeyError as error:
        hint = "Create the user: useradd --system --create-home exhibit"
        raise WrongUseError(
            f"There is no user {name}." if name else "The owner of this checkout is not a user.", hint=hint
        ) from error


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
        message = ran.stderr.strip() or f"exit code {ran.returncode}."
        raise ServiceMissingError(
            f"systemctl {words[0]} failed: {message}", hint="Show the unit file: exhibit service --print"
        )
