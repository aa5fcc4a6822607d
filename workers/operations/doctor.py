"""Diagnosis of this machine. Each check returns a result and the steps to fix a problem."""

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from exhibit.browser.program import NO_BROWSER, find_browser
from exhibit.clock import now
from exhibit.config.config import AnchorConfig, Config
from exhibit.config.secrets import SECRET_KEY, get_secret_path
from exhibit.errors import ConfigError, ExhibitError
from exhibit.files.locks import hold_shared
from registry.services import stores
from registry.services.mail import get_mail_folder, get_sender
from registry.services.secret_fingerprints import check_secrets
from registry.services.services import Services
from workers.operations.checks import (
    GIB,
    Check,
    check_archive,
    check_damage,
    check_disk,
    check_search_mappings,
    check_timestamp_services,
)
from workers.servers.embedded import lock_folder
from workers.servers.keeper import are_servers_supervised
from workers.servers.postgres import find_postgres_programs, get_database_time, is_database_responding
from workers.servers.processes import find_service_user
from workers.servers.redis import find_redis_program, is_redis_responding

MAX_CLOCK_DIFFERENCE = 5.0
"""Maximum accepted difference between the clocks of database and machine, in seconds."""


def check_machine(config: Config, added_services: Sequence[AnchorConfig] = ()) -> tuple[Check, ...]:
    """Run all checks, in the order in which problems should be fixed. Changes nothing and starts no server.

    Args:
        config: The configuration.
        added_services: Timestamp services in addition to the configured ones.
    """
    machine_checks: tuple[Callable[[Config], Check], ...] = (
        _check_data_folder, check_disk, check_damage, _check_secrets, _check_blob_store,
        _check_database, _check_redis, _check_chinese_font, _check_browser,
        _check_browser_limits, _check_openssl, _check_mail, check_search_mappings,
        partial(check_timestamp_services, added_count=len(added_services)),
    )  # fmt: skip
    timestamp_checks = (_check_timestamp_service(config, anchor) for anchor in (*config.anchors, *added_services))
    return (*(check(config) for check in machine_checks), *check_archive(config), *timestamp_checks)


def check_everything(config: Config) -> tuple[Check, ...]:
    """Run :func:`check_machine` and, if the database responds, the checks based on its rows."""
    installation_checks, added_services = _check_rows(config)
    machine_checks = check_machine(config, added_services)
    # The current response of a timestamp service replaces its last recorded one.
    installation_checks = tuple(
        check for check in installation_checks if not check.name.startswith("timestamp service ")
    )
    if any(check.name.startswith("timestamp service ") and not check.ok for check in machine_checks):
        installation_checks = tuple(
            check for check in installation_checks if check.name != "timestamps" or not check.ok
        )
    names = {check.name for check in installation_checks}
    return (*(check for check in machine_checks if check.name not in names), *installation_checks)


def check_without_settings(config: Config, fault: ConfigError) -> tuple[Check, ...]:
    """Run the checks that are possible with an invalid setting, when only the data folder is known."""
    settings_check = Check(
        "settings", ok=False, sentence=fault.message, remedy=fault.hint or "Correct the setting, then try again."
    )
    return (
        settings_check,
        *(run_check(config) for run_check in (_check_data_folder, check_damage, _check_chinese_font, _check_openssl)),
    )


def _build_database_check(config: Config) -> Check:
    start_remedy = f"Read {config.data_dir / 'log' / 'postgres.log'}, then run exhibit down and exhibit up."
    remedy = "Start the database, or correct DATABASE_URL." if config.database_url else start_remedy
    return Check("database", ok=False, sentence="The database should be running, but does not respond.", remedy=remedy)


def _check_rows(config: Config) -> tuple[tuple[Check, ...], tuple[AnchorConfig, ...]]:
    """Return the checks based on the rows, and the timestamp services stored in them, if they are accessible."""
    if not _check_secrets(config).ok:  # Only users who can read the secrets may see the rows.
        return (), ()
    with hold_shared(lock_folder(config) / "users.lock"):  # The lock is granted after stopping servers have ended.
        if is_database_responding(config):
            return run_operator_checks(config)
        return ((_build_database_check(config),) if are_servers_supervised(config) else ()), ()


def run_operator_checks(config: Config) -> tuple[tuple[Check, ...], tuple[AnchorConfig, ...]]:
    """Run the checks of the operator's page in English; also return the timestamp services that were added there."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "desk.settings")
    import django
    from django.utils import translation

    django.setup()
    from workers.database.schema import is_outdated

    if is_outdated():
        sentence = "The database has the schema of an earlier version."
        return (Check("schema", ok=False, sentence=sentence, remedy="To migrate it: exhibit up"),), ()
    from registry.log.anchors import load_added_configs
    from workers.operations import health, status

    with translation.override(None):
        return tuple(health.run_checks(status.collect_status(Services(config)), config)), load_added_configs(config)


def _check_data_folder(config: Config) -> Check:
    folder = config.data_dir
    existing_folder = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(existing_folder, os.W_OK | os.X_OK):
        sentence = f"This user cannot write to {existing_folder}."
        return Check("data folder", ok=False, sentence=sentence, remedy="Set EXHIBIT_DATA to another folder.")
    user = find_service_user(config.data_dir)
    if user is not None and not user.has_access(existing_folder):
        sentence = f"{folder} is inside a private folder; Exhibit gives the servers permission to traverse that folder."
        alternative = f"With EXHIBIT_DATA=/var/lib/exhibit, the user {user.name} needs no such permission."
        return Check("data folder", ok=True, sentence=sentence, remedy=f"No action is needed. {alternative}")
    return Check("data folder", ok=True, sentence=f"{folder} is usable.")


def _check_secrets(config: Config) -> Check:
    """Check that the secrets match the database. No secret is created."""
    try:
        check_secrets(config)
    except ExhibitError as error:
        return Check("secrets", ok=False, sentence=error.message, remedy=error.hint)
    folder = config.secrets_dir or config.data_dir / "secrets"
    has_embedded_database = not config.database_url and (config.data_dir / "postgres").exists()
    if has_embedded_database and not get_secret_path(config, SECRET_KEY).exists():
        sentence = f"The secrets of the database are missing ({folder}), so owners' keys cannot be decrypted."
        remedy = "Restore the secrets from your backup before the next start."
        return Check("secrets", ok=False, sentence=sentence, remedy=remedy)
    limitation = (
        " Run exhibit up to check whether they decrypt owners' keys."
        if has_embedded_database and not are_servers_supervised(config)
        else ""
    )
    return Check("secrets", ok=True, sentence=f"The secrets are in {folder}.{limitation}")


def _check_blob_store(config: Config) -> Check:
    """Check that the blob store responds. Nothing is written."""
    location = config.blobs_url or config.data_dir / "blobs"
    try:
        stores.check_store(config)
    except ExhibitError as error:
        return Check("exact bytes", ok=False, sentence=error.message, remedy=error.hint)
    return Check("exact bytes", ok=True, sentence=f"The files are stored in {location}.")


def _check_database(config: Config) -> Check:
    if config.database_url:
        remedy = "" if is_database_responding(config) else "Start the database, or correct DATABASE_URL."
        sentence = f"The database at DATABASE_URL {'does not respond' if remedy else 'responds'}."
        if (
            not remedy
            and abs(clock_difference := (now() - get_database_time(config)).total_seconds()) > MAX_CLOCK_DIFFERENCE
        ):
            remedy = "Synchronise both clocks with NTP; evidence contains the time of this machine."
            sentence += (
                f" The clocks of the database and of this machine are {abs(clock_difference):.0f} seconds apart."
            )
        return Check("PostgreSQL", ok=not remedy, sentence=sentence, remedy=remedy)
    return _check_program("PostgreSQL", lambda: find_postgres_programs() / "postgres")


def _check_redis(config: Config) -> Check:
    if config.redis_url:
        remedy = "" if is_redis_responding(config) else "Start Redis, or correct REDIS_URL."
        sentence = f"The Redis server at REDIS_URL {'does not respond' if remedy else 'responds'}."
        return Check("Redis", ok=not remedy, sentence=sentence, remedy=remedy)
    return _check_program("Redis", find_redis_program)


def _check_program(name: str, find_program: Callable[[], Path]) -> Check:
    """Check that an embedded server's program exists and runs on this machine."""
    try:
        path = find_program()  # Loading the program takes long on a slow machine, hence the timeout.
        output = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=60, check=True).stdout
    except ExhibitError as error:
        return Check(name, ok=False, sentence=error.message, remedy=error.hint)
    except (OSError, subprocess.SubprocessError) as error:
        return Check(name, ok=False, sentence=f"The program does not run: {error}.", remedy="Run `make setup` again.")
    return Check(name, ok=True, sentence=f"{output.strip().splitlines()[0]}, embedded.")


def _check_chinese_font(_config: Config) -> Check:
    from evidence.documents.typeset.fonts import load_fonts  # typst is loaded on demand.

    if load_fonts().chinese_families:
        return Check("Chinese font", ok=True, sentence="A font with Chinese characters is installed.", needed=False)
    sentence = "No font with Chinese characters is installed, so documents are in English only."
    remedy = "Install a font, for example with `apt-get install fonts-noto-cjk`."
    return Check("Chinese font", ok=False, sentence=sentence, remedy=remedy, needed=False)


def _check_browser(config: Config) -> Check:
    browser = find_browser(config.capture_browser)
    is_ok = browser.path is not None or config.capture_browser == NO_BROWSER
    return Check("browser", ok=is_ok, sentence=browser.sentence, remedy=browser.remedy, needed=False)


def _check_browser_limits(config: Config) -> Check:
    """Check the resource limits of the capture browser on this machine, and report missing ones."""
    from evidence.capture.browser.limits import BrowserLimits

    name = "browser limits"
    if find_browser(config.capture_browser).path is None:
        return Check(name, ok=True, sentence="No browser is used.", needed=False)
    max_memory, priority, remedy = BrowserLimits().memory_bytes / GIB, os.getpriority(os.PRIO_PROCESS, 0), ""
    sentence = (
        f"The browser may use {max_memory:.0f} GiB, and has the priority of its parent process (nice {priority} in "
        f"this process)."
    )
    machine_memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / GIB
    if not Path("/proc/self/statm").exists():
        remedy = "Limit the memory of Exhibit, for example with a container."
        sentence = f"The memory of the browser cannot be limited, because /proc is missing. {sentence}"
    elif os.geteuid() == 0:
        remedy = "Run Exhibit as a separate user: docs/how-to/operate/run-as-a-service.md"
        sentence = f"The sandbox of the browser is off, because this process runs as root. {sentence}"
    elif machine_memory < max_memory:
        remedy = "Add memory, or set EXHIBIT_CAPTURE_BROWSER=none."
        sentence = f"The machine has only {machine_memory:.1f} GiB of memory. {sentence}"
    return Check(name, ok=not remedy, sentence=sentence, remedy=remedy, needed=False)


def _check_openssl(_config: Config) -> Check:
    if program := shutil.which("openssl"):
        return Check("openssl", ok=True, sentence=f"{program} is used.", needed=False)
    sentence = "openssl is not installed, so bundles are not verified in a second, independent way."
    remedy = "Install openssl, for example with `apt-get install openssl`."
    return Check("openssl", ok=False, sentence=sentence, remedy=remedy, needed=False)


def _check_mail(config: Config) -> Check:
    if config.mail_url:
        sentence = f"Emails are sent through {urlsplit(config.mail_url).hostname}, from {get_sender(config)}."
        return Check("mail", ok=True, sentence=sentence, needed=False)
    sentence = f"Emails are not sent, but saved as files in {get_mail_folder(config)}."
    return Check("mail", ok=False, sentence=sentence, remedy="Set EXHIBIT_MAIL_URL.", needed=False)


def _check_timestamp_service(config: Config, anchor: AnchorConfig) -> Check:
    """Check that a timestamp service responds. Nothing is sent or timestamped."""
    from registry.services.anchors import build_anchor

    name = f"timestamp service {anchor.name}"
    try:
        sentence = build_anchor(anchor, config.allowed_networks, "Exhibit").describe_status()
    except ExhibitError as error:
        remedy = error.hint or "Sealing continues without this service. Exhibit will try again later."
        return Check(name, ok=False, sentence=error.message, remedy=remedy, needed=False)
    return Check(name, ok=True, sentence=sentence, needed=False)
