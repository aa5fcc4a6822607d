"""Diagnosis of this machine: each check states the result and how to fix a problem."""

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from exhibit.browser.program import OFF, find_browser
from exhibit.clock import now
from exhibit.config.config import AnchorConfig, Config
from exhibit.config.secrets import SECRET_KEY, secret_path
from exhibit.errors import ConfigError, ExhibitError
from exhibit.files.locks import shared
from registry.services import stores
from registry.services.mail import mail_folder, sender
from registry.services.secret_fingerprints import check_secrets
from registry.services.services import Services
from workers.operations.checks import (
    GIB,
    Check,
    archive_checks,
    damage_check,
    disk_check,
    search_check,
    witnesses_check,
)
from workers.servers.embedded import lock_folder
from workers.servers.keeper import are_kept
from workers.servers.postgres import database_answers, database_time, postgres_programs
from workers.servers.processes import service_user
from workers.servers.redis import redis_answers, redis_program

MAX_APART = 5.0
"""Difference in seconds between two clocks that is still accepted."""


def examine(config: Config, added: Sequence[AnchorConfig] = ()) -> tuple[Check, ...]:
    """Run all checks, in the order in which problems should be fixed. Changes nothing and starts no server.

    Args:
        config: The configuration.
        added: Timestamp services besides the configured ones.
    """
    probes: tuple[Callable[[Config], Check], ...] = (
        _data_folder, disk_check, damage_check, _secrets, _bytes, _database, _redis, _chinese_font, _browser,
        _browser_limits, _openssl, _mail, search_check, partial(witnesses_check, added=len(added)),
    )  # fmt: skip
    witnesses = (_witness(config, anchor) for anchor in (*config.anchors, *added))
    return (*(probe(config) for probe in probes), *archive_checks(config), *witnesses)


def examine_all(config: Config) -> tuple[Check, ...]:
    """Run :func:`check_store` and, if the database responds, the checks based on its rows."""
    services, added = _examine_rows(config)
    machine = examine(config, added)
    # The current response of a timestamp service takes precedence over its last recorded one.
    services = tuple(check for check in services if not check.name.startswith("witness "))
    if any(check.name.startswith("witness ") and not check.ok for check in machine):
        services = tuple(check for check in services if check.name != "witnesses" or not check.ok)
    names = {check.name for check in services}
    return (*(check for check in machine if check.name not in names), *services)


def examine_without_settings(config: Config, fault: ConfigError) -> tuple[Check, ...]:
    """Return the checks that are possible with an invalid setting, when only the data folder is known."""
    wrong = Check("settings", ok=False, sentence=fault.message, remedy=fault.hint or "Correct it, and ask again.")
    return (wrong, *(probe(config) for probe in (_data_folder, damage_check, _chinese_font, _openssl)))


def _silent_database(config: Config) -> Check:
    log = f"Read {config.data_dir / 'log' / 'postgres.log'}; then exhibit down, exhibit up."
    remedy = "Start it, or correct DATABASE_URL." if config.database_url else log
    return Check("database", ok=False, sentence="The database should run, and doesn't answer.", remedy=remedy)


def _examine_rows(config: Config) -> tuple[tuple[Check, ...], tuple[AnchorConfig, ...]]:
    """Return the checks based on the rows, and the timestamp services stored in them, if they are accessible."""
    if not _secrets(config).ok:  # The rows are only for users with the secrets.
        return (), ()
    with shared(lock_folder(config) / "users.lock"):  # Servers that are stopping have stopped by then.
        if database_answers(config):
            return examine_house(config)
        return ((_silent_database(config),) if are_kept(config) else ()), ()


def examine_house(config: Config) -> tuple[tuple[Check, ...], tuple[AnchorConfig, ...]]:
    """Return the checks of the operator's page, in English, and the timestamp services added there. Changes nothing."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "desk.settings")
    import django
    from django.utils import translation

    django.setup()
    from workers.database.schema import is_behind

    if is_behind():
        sentence = "The database is of an earlier version."
        return (Check("schema", ok=False, sentence=sentence, remedy="Bring it up to date: exhibit up"),), ()
    from registry.log.anchors import load_added_configs
    from workers.operations import health, status

    with translation.override(None):
        return tuple(health.checks(status.status_of(Services(config)), config)), load_added_configs(config)


def _data_folder(config: Config) -> Check:
    folder = config.data_dir
    above = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(above, os.W_OK | os.X_OK):
        sentence = f"This user can't write to {above}."
        return Check("data folder", ok=False, sentence=sentence, remedy="Set EXHIBIT_DATA to a folder of yours.")
    user = service_user(config.data_dir)
    if user is not None and not user.reaches(above):
        sentence = f"{folder} lies below a folder that is closed to others; the servers get the right to pass it."
        needless = f"With EXHIBIT_DATA=/var/lib/exhibit the user {user.name} needs no such right."
        return Check("data folder", ok=True, sentence=sentence, remedy=f"Nothing needs to be done. {needless}")
    return Check("data folder", ok=True, sentence=f"{folder} can be used.")


def _secrets(config: Config) -> Check:
    """Check that the secrets are those that the installation's database knows. None is created."""
    try:
        check_secrets(config)
    except ExhibitError as error:
        return Check("secrets", ok=False, sentence=error.message, remedy=error.hint)
    folder = config.secrets_dir or config.data_dir / "secrets"
    embedded = not config.database_url and (config.data_dir / "postgres").exists()
    if embedded and not secret_path(config, SECRET_KEY).exists():
        sentence = f"There is a database, and its secrets aren't here ({folder}): owners' keys can't be opened."
        remedy = "Put them back from your backup before the next start."
        return Check("secrets", ok=False, sentence=sentence, remedy=remedy)
    silent = " Whether they open owners' keys is seen while Exhibit runs." if embedded and not are_kept(config) else ""
    return Check("secrets", ok=True, sentence=f"Their folder is {folder}.{silent}")


def _bytes(config: Config) -> Check:
    """Check that the store of exact bytes responds. Nothing is written."""
    place = config.blobs_url or config.data_dir / "blobs"
    try:
        stores.check_store(config)
    except ExhibitError as error:
        return Check("exact bytes", ok=False, sentence=error.message, remedy=error.hint)
    return Check("exact bytes", ok=True, sentence=f"They lie in {place}.")


def _database(config: Config) -> Check:
    if config.database_url:
        remedy = "" if database_answers(config) else "Start it, or correct DATABASE_URL."
        sentence = f"The database at DATABASE_URL {'does not answer' if remedy else 'answers'}."
        if not remedy and abs(apart := (now() - database_time(config)).total_seconds()) > MAX_APART:
            remedy = "Set both by NTP: a time in evidence is that of the machine that saw it."
            sentence += f" Its clock and this machine's are {abs(apart):.0f} seconds apart."
        return Check("PostgreSQL", ok=not remedy, sentence=sentence, remedy=remedy)
    return _program("PostgreSQL", lambda: postgres_programs() / "postgres")


def _redis(config: Config) -> Check:
    if config.redis_url:
        remedy = "" if redis_answers(config) else "Start it, or correct REDIS_URL."
        sentence = f"The Redis at REDIS_URL {'does not answer' if remedy else 'answers'}."
        return Check("Redis", ok=not remedy, sentence=sentence, remedy=remedy)
    return _program("Redis", redis_program)


def _program(name: str, find: Callable[[], Path]) -> Check:
    """Check that an embedded server's program exists and runs on this machine."""
    try:
        path = find()  # A slow machine takes long to load it.
        output = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=60, check=True).stdout
    except ExhibitError as error:
        return Check(name, ok=False, sentence=error.message, remedy=error.hint)
    except (OSError, subprocess.SubprocessError) as error:
        return Check(name, ok=False, sentence=f"It doesn't run here: {error}.", remedy="Run `make setup` again.")
    return Check(name, ok=True, sentence=f"{output.strip().splitlines()[0]}, embedded.")


def _chinese_font(_config: Config) -> Check:
    from evidence.documents.typeset.fonts import installed_fonts  # typst is loaded on demand.

    if installed_fonts().chinese:
        return Check("Chinese font", ok=True, sentence="There is a font with Chinese characters.", needed=False)
    sentence = "No font with Chinese characters was found: documents are made in English only."
    remedy = "Install one, for example with `apt-get install fonts-noto-cjk`."
    return Check("Chinese font", ok=False, sentence=sentence, remedy=remedy, needed=False)


def _browser(config: Config) -> Check:
    browser = find_browser(config.capture_browser)
    well = browser.path is not None or config.capture_browser == OFF
    return Check("browser", ok=well, sentence=browser.sentence, remedy=browser.remedy, needed=False)


def _browser_limits(config: Config) -> Check:
    """Check how the capture browser is limited on this machine, and which limits are missing."""
    from evidence.capture.browser.limits import BrowserLimits

    name = "browser limits"
    if find_browser(config.capture_browser).path is None:
        return Check(name, ok=True, sentence="No browser runs.", needed=False)
    most, nice, remedy = BrowserLimits().memory_bytes / GIB, os.getpriority(os.PRIO_PROCESS, 0), ""
    sentence = f"It may take {most:.0f} GiB, and has the priority of the process that starts it (here nice {nice})."
    room = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / GIB
    if not Path("/proc/self/statm").exists():
        remedy = "Let the system that runs Exhibit limit it, for example a container."
        sentence = f"Its memory can't be watched on this system, which has no /proc. {sentence}"
    elif os.geteuid() == 0:
        remedy = "Run Exhibit as a separate user: docs/how-to/operate/run-as-a-service.md"
        sentence = f"Its sandbox is off, for this process is root. {sentence}"
    elif room < most:
        remedy = "Add memory, or set EXHIBIT_CAPTURE_BROWSER=none."
        sentence = f"The machine has only {room:.1f} GiB of memory. {sentence}"
    return Check(name, ok=not remedy, sentence=sentence, remedy=remedy, needed=False)


def _openssl(_config: Config) -> Check:
    if program := shutil.which("openssl"):
        return Check("openssl", ok=True, sentence=f"{program} is used.", needed=False)
    sentence = "There is no openssl: bundles verify without it, but not in the second, independent way."
    remedy = "Install it, for example with `apt-get install openssl`."
    return Check("openssl", ok=False, sentence=sentence, remedy=remedy, needed=False)


def _mail(config: Config) -> Check:
    if config.mail_url:
        sentence = f"Mail leaves through {urlsplit(config.mail_url).hostname}, from {sender(config)}."
        return Check("mail", ok=True, sentence=sentence, needed=False)
    sentence = f"Nothing is sent: each mail is a file in {mail_folder(config)}."
    return Check("mail", ok=False, sentence=sentence, remedy="Set EXHIBIT_MAIL_URL.", needed=False)


def _witness(config: Config, anchor: AnchorConfig) -> Check:
    """Check that a timestamp service responds. Nothing is sent or timestamped."""
    from registry.services.anchors import anchor_of

    name = f"witness {anchor.name}"
    try:
        sentence = anchor_of(anchor, config.allowed_networks, "Exhibit").examine()
    except ExhibitError as error:
        remedy = error.hint or "Sealing goes on without it; it is asked again later."
        return Check(name, ok=False, sentence=error.message, remedy=remedy, needed=False)
    return Check(name, ok=True, sentence=sentence, needed=False)
