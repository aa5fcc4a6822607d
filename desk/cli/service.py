"""`exhibit service`: run Exhibit as a systemd service, so that it starts after a reboot."""

import os
import pwd
import shutil
import subprocess
from pathlib import Path

import click

import exhibit
from desk.cli.common.context import format_examples
from desk.cli.common.files import create_folder, write_file
from desk.cli.common.output import echo_text
from exhibit.config.config import FILE_NAME, Config
from exhibit.errors import InvalidRequestError, ServiceMissingError
from registry.configuration import load_config

CHECKOUT = Path(exhibit.__file__).parents[1]
UNIT_NAME = "exhibit.service"
SYSTEM_UNITS = Path("/etc/systemd/system")
SYSTEM_DATA_FOLDER = Path("/var/lib/exhibit")
"""Default data folder of root; systemd makes the user of the service its owner."""
UNIT_TEMPLATE = Path(__file__).with_name(UNIT_NAME).read_text("utf-8")
"""See systemd.service(5) and systemd.exec(5). The main process stops the others in order; systemd kills the rest."""


@click.command(
    "service",
    epilog=format_examples(
        "exhibit service",
        "sudo bin/exhibit service --run-as exhibit",
        "exhibit service --print > exhibit.service",
        "exhibit service --remove",
    ),
)
@click.option(
    "--run-as",
    metavar="USER",
    help="System user that runs the service; only root can set it. [default: owner of the checkout]",
)
@click.option("--print", "print_only", is_flag=True, help="Print the unit file without installing it.")
@click.option("--remove", is_flag=True, help="Stop and remove the service; data and settings are kept.")
def service_command(*, run_as: str | None, print_only: bool, remove: bool) -> None:
    """Install Exhibit as a systemd service, or remove the service.

    The service starts now and after each reboot. Root installs a system service, other users install a user service.

    Exits with 2 if Exhibit is already running or if settings are in environment variables instead of exhibit.toml.
    Exits with 3 if systemd is not available.
    """
    if print_only:
        click.echo(_build_unit(run_as), nl=False)
    elif remove:
        _remove()
    else:
        _install(run_as)


def _install(run_as: str | None) -> None:
    path = _get_unit_path()
    if shutil.which("systemctl") is None:
        hint = "Configure another service manager with the output of `exhibit service --print`."
        raise ServiceMissingError("systemd is not available on this machine.", hint=hint)
    _check_settings(load_config())
    write_file(create_folder(path.parent) / UNIT_NAME, _build_unit(run_as).encode())
    _run_systemctl("daemon-reload")
    _run_systemctl("enable", "--now", UNIT_NAME)
    echo_text(f"Exhibit now runs as a service. Unit file: {path}")
    echo_text(f"Log: journalctl {' '.join((*_get_scope_options(), '-u', UNIT_NAME))}")
    if os.geteuid():
        user = pwd.getpwuid(os.geteuid()).pw_name
        echo_text(
            f"The service starts when you log in. To start the service at boot: sudo loginctl enable-linger {user}"
        )


def _remove() -> None:
    path = _get_unit_path()
    if not path.exists():
        raise InvalidRequestError(f"The service is not installed: {path} does not exist.", hint="Nothing was changed.")
    _run_systemctl("disable", "--now", UNIT_NAME)
    path.unlink()
    _run_systemctl("daemon-reload")
    echo_text(f"Removed {path}. Data and settings are unchanged.")


def _check_settings(config: Config) -> None:
    """Check that the service can start with the same settings.

    Raises:
        InvalidRequestError: Exhibit is already running, or environment variables contain settings that the service
        lacks.
    """
    from workers.tasks import supervisor

    # Check only an existing lock: one created by root here could not be acquired by the service's user.
    lock = config.data_dir / "locks" / "supervisor.lock"
    if lock.exists() and (running_status := supervisor.read_running_status(config)) is not None:
        raise InvalidRequestError(
            f"Exhibit is already running: {running_status.address}", hint="Stop it first: exhibit down"
        )
    variables = {name for name in os.environ if name.startswith("EXHIBIT_")} | {"DATABASE_URL", "REDIS_URL"}
    if lost_variables := sorted(name for name in variables - {"EXHIBIT_DATA"} if os.environ.get(name)):
        hint = f"Move them to {config.data_dir / FILE_NAME} and unset them."
        raise InvalidRequestError(
            f"The service cannot read these environment variables: {', '.join(lost_variables)}.", hint=hint
        )


def _build_unit(run_as: str | None) -> str:
    """Build the unit file. It sets the data folder, so that the service does not depend on the environment."""
    config = load_config()
    root = os.geteuid() == 0
    if run_as is not None and not root:
        raise InvalidRequestError("Only root can choose another user.", hint="Omit --run-as, or use sudo.")
    return UNIT_TEMPLATE.format(
        documentation=_escape(str(CHECKOUT / "docs" / "how-to" / "operate" / "run-as-a-service.md")).replace(
            " ", "%%20"
        ),
        command=_quote(str(CHECKOUT / "bin" / "exhibit")),
        folder=_escape(str(CHECKOUT)),
        data=_quote(f"EXHIBIT_DATA={config.data_dir}"),
        who=_build_user_lines(config.data_dir, _find_user(run_as)) if root else "",
        target="multi-user.target" if root else "default.target",
    )


def _build_user_lines(data: Path, user: str) -> str:
    """Build the lines of the unit file that set the user.

    Raises:
        InvalidRequestError: The data folder belongs to another user.
    """
    if data == SYSTEM_DATA_FOLDER:
        return f"User={user}\nStateDirectory={data.name}\nStateDirectoryMode=0700\n"
    if data.exists() and data.stat().st_uid != pwd.getpwnam(user).pw_uid:
        hint = f"Change its owner (chown -R {user}: {data}), or choose another user."
        raise InvalidRequestError(f"{data} does not belong to {user}.", hint=hint)
    return f"User={user}\n"


def _find_user(name: str | None) -> str:
    """Return the user of the service: the given one, or the owner of the checkout.

    Raises:
        InvalidRequestError: There is no such user.
    """
    try:
        return pwd.getpwnam(name).pw_name if name else pwd.getpwuid(CHECKOUT.stat().st_uid).pw_name
    except KeyError as error:
        hint = "Create the user: useradd --system --create-home exhibit"
        raise InvalidRequestError(
            f"There is no user {name}." if name else "The owner of this checkout does not exist as a user.", hint=hint
        ) from error


def _escape(text: str) -> str:
    return text.replace("%", "%%")


def _quote(text: str) -> str:
    """Quote a word of a unit file. `$` is not escaped: systemd expands variables only in arguments of commands."""
    return '"' + _escape(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _get_scope_options() -> tuple[str, ...]:
    return () if os.geteuid() == 0 else ("--user",)


def _get_unit_path() -> Path:
    if os.geteuid() == 0:
        return SYSTEM_UNITS / UNIT_NAME
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user" / UNIT_NAME


def _run_systemctl(*arguments: str) -> None:
    """Run systemctl.

    Raises:
        ServiceMissingError: The command failed. The message contains its output.
    """
    process = subprocess.run(
        ["systemctl", *_get_scope_options(), *arguments], capture_output=True, text=True, check=False
    )
    if process.returncode:
        message = process.stderr.strip() or f"exit code {process.returncode}."
        raise ServiceMissingError(
            f"systemctl {arguments[0]} failed: {message}", hint="Show the unit file: exhibit service --print"
        )
