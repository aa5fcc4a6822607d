"""Configuration: environment variables take precedence over ``exhibit.toml`` in the data folder.

Every setting is a field of :class:`Config`. The metadata of a field contains the parser of its values. Exhibit does not
start with an unknown name or an unusable value; the error message names the setting.
"""

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

from exhibit.config import values
from exhibit.config.anchors import AnchorConfig, AnchorKinds, read_anchors
from exhibit.config.values import setting
from exhibit.errors import ConfigError
from exhibit.types import MAX_PICTURE_BYTES, MAX_PICTURE_PIXELS

__all__ = [
    "FILE_NAME",
    "AnchorConfig",
    "Config",
    "build_bare_config",
    "ensure_data_dir",
    "get_environment_name",
    "read_config",
]

FILE_NAME = "exhibit.toml"

_GIB = 1024**3
_PREFIX = "EXHIBIT_"
_HINT = "See docs/how-to/operate/change-settings.md. To list all settings: make reference"
_SPECIAL_ENVIRONMENT_NAMES = {"data_dir": "EXHIBIT_DATA", "database_url": "DATABASE_URL", "redis_url": "REDIS_URL"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All settings of one installation.

    ``data_dir`` is absolute. It may not exist yet.

    Attributes:
        data_dir: The data folder: images, evidence, indexes, secrets, logs, the data of embedded servers,
            `exhibit.toml`. When run as root, every parent folder must be accessible to all users (0755), because the
            embedded servers run as an unprivileged user.
        database_url: URL of your own PostgreSQL, such as `postgresql://exhibit:secret@db/exhibit`. Empty: an embedded
            PostgreSQL.
        redis_url: URL of your own Redis or Valkey, such as `redis://cache:6379/0`. Empty: an embedded Redis.
        blobs_url: Storage of all blobs (images, evidence), such as `s3://bucket/prefix` (also for S3-compatible
            services), `gs://…`, `az://…` or `file:///mnt/exhibit`. Keys and endpoint are read from environment
            variables, such as `AWS_ACCESS_KEY_ID`, or from `secrets/bucket.toml`. Empty: `blobs/` in the data folder.
            `exhibit blobs move` moves existing files.
        secrets_dir: Separate folder with secrets, such as a mount of Kubernetes or Docker, which may be read-only:
            `master_key`, `secret_key`, `log.key`, `installation`, `bucket.toml`. Missing ones are read from `secrets/`
            in the data folder. If the folder contains none, it is considered not mounted, and Exhibit does not start.
        milvus_url: URL of your own Milvus for searches of all crawled images, such as `http://milvus:19530` or
            `https://milvus.example.org/database`. Its token is read from `MILVUS_TOKEN` in the environment, or from
            `secrets/milvus_token`. Empty: each machine searches locally. `exhibit index rebuild --to` moves the index
            in both directions.
        web_host: Address on which the web interface listens. For access by others, put a proxy with TLS in front of it.
        web_port: Port of the web interface.
        public_url: URL of the web interface for users; links in emails and documents start with it.
        allowed_hosts: Additional host names of the web interface; the host of `public_url`, `web_host` and localhost
            are always allowed.
        proxies: Number of your own proxies in front of the web interface, one behind another. Exhibit trusts the same
            number of addresses at the end of `X-Forwarded-For` to identify visitors, for the rate limits of
            sign-ins and public links and for `metrics_networks`; with 0, all visitors behind a proxy count as one.
        sign_up: Who can create an account: `invitation` (a member or the operator sends it) or `open` (anyone with a
            verified email address, who can then add an owner). `open` requires `mail_url`.
        passkey_roots: File of root certificates (PEM) of passkey manufacturers, or a folder of such files named
            `*.pem`. New passkeys then require attestation by a manufacturer, and only such passkeys can sign critical
            decisions. Empty: no attestation is requested.
        passkey_aaguids: Allowed device models by AAGUID, such as `["2fc0579f-8113-47ea-b116-bb5a8db9202a"]`. Requires
            `passkey_roots`. Empty: all models of these manufacturers.
        mail_url: Mail server: `smtp+tls://user:password@mail.example.org:587` (STARTTLS), `smtps://…:465` (implicit
            TLS), or `smtp://localhost` for your own relay without TLS, which accepts no password over a network.
            Percent-encode characters such as `@` and `/` in user or password. Empty: **nothing is sent**; each email is
            written to `mail/` in the data folder, and `exhibit doctor` reports it.
        mail_from: Sender, such as `Exhibit <exhibit@example.org>`. Empty: `exhibit@` and the host of `public_url`.
        mail_sign_in: Whether a link in an email to a member signs the member in, for three days after the email. This
            works only in a browser in which the member has signed in before and has not signed out, after a click on a
            button, and with the second factor if the member has one. False: links require the password unless the
            member is signed in.
        push: Whether members can enable browser notifications of matches. They are sent by the service of the browser's
            vendor (Google, Mozilla, Apple, Microsoft), which learns that and when a message was sent, but not its
            content. False: no notifications, and no requests to these services.
        workers: Number of parallel crawling processes, and the same number for matching and visits; up to six more
            handle short tasks and user requests. Each uses one core and up to 1 GB.
        contact: Email address or web page in the crawler's user agent, where site owners can complain or opt out. Set
            it before crawling the public web.
        operator_name: Operator of this installation; shown in documents as the party that sealed them.
        allowed_networks: Private networks that crawler and capture may access, such as `10.1.0.0/16`. By default, all
            private, loopback and link-local addresses are refused.
        cocapture_networks: Private networks allowed for visits requested by partners, to which `allowed_networks` does
            not apply; for tests on one machine.
        rdap_url: URL of IANA's registries of RDAP servers (RFC 9224); members can query the servers listed there on the
            page of a site. Empty: disabled.
        web_archive_url: Web archive with the Internet Archive's Save Page Now API (SPN2), such as
            `https://web.archive.org`, which owners can use to save pages of confirmed cases. Its keys, as
            `ACCESS:SECRET`, are read from `WEB_ARCHIVE_KEYS` in the environment, or from `secrets/web_archive_keys`.
            Empty: disabled.
        wayback_url: URL of the Wayback Machine, which archive watches query for the captures of a domain and their
            bytes. With a button, members can also query it for the first captures of a confirmed case's pages and
            images. Empty: disabled.
        common_crawl_url: URL of Common Crawl's indexes, which archive watches query as well. Empty: disabled.
        common_crawl_data_url: URL of Common Crawl's files.
        retention_days: Days for which the files of images without matches are kept.
        owner_quota_bytes: Maximum bytes of registered images and their documents for each owner.
        package_days: Days for which bundle downloads are kept after they were created; the bundles themselves remain,
            and the downloads can be created again.
        flood_floor: Number of new sites in a day above which a work is put on hold: no case is opened until a member
            reviews it. Sites with similar images count a tenth.
        flood_factor: Multiple of a work's previous daily maximum up to which the work is not put on hold, even if
            that is more than `flood_floor`.
        disk_floor_bytes: Minimum free space in the data folder. Below it, crawling stops with a message, and new works
            are refused in the web interface and the API. The same applies if almost no more files can be created.
        max_picture_bytes: Maximum size of an image file; larger ones are refused.
        max_picture_pixels: Maximum pixels of an image; larger ones are refused before decoding.
        capture_browser: Browser for captures: a path or the name of a program. Empty: the first of `chromium`,
            `chromium-browser`, `google-chrome-stable`, `google-chrome`, `microsoft-edge-stable` on the PATH. `none`: no
            browser; pages are captured as served. Each worker has its own browser, about 500 MB.
        recapture_days: Days until the pages of open and confirmed cases are visited again. The interval doubles while
            nothing changes, up to eight times this. 0: pages are visited once.
        anchors: Outside timestamp services, one `[[anchors]]` table for each; see below.
        timestamps_needed: Number of different timestamp services with complete receipts that a bundle needs to be shown
            as timestamped. Missing receipts do not block anything.
        direct_stamps_a_day: Number of bundles in 24 hours whose seal digest is also timestamped directly by each
            timestamp authority, so that `openssl` alone verifies `data/manifest.json`. All others rely on the
            timestamp of the checkpoint. 0: never.
        languages: Languages of the web interface, the default first.
        time_zone: Time zone for schedules and for times on pages; stored and sealed times are UTC.
        log_origin: Name of this installation's log, the first line of each checkpoint: your host name and a path, at
            most 200 visible ASCII characters without a plus sign, chosen before the first checkpoint is signed. Later,
            only `exhibit api POST /operator/log/new-origin` changes it.
        checkpoint_seconds: Interval at which checkpoints of the log are signed and timestamped while it grows; a new
            seal is timestamped immediately.
        step_timeout_seconds: Seconds without a heartbeat after which another worker takes over a step.
        processor_hour_price: Your cost of one hour of a CPU core, with its currency, such as `0.02 EUR`. The operator's
            page then shows the cost of a million images instead of the hours.
        log_format: `json` writes each log line as one JSON object, with `request_id`, `task_id` and `task`, and one
            line for the end of each request and task.
        metrics_token: Secret of 16 to 200 characters that Prometheus sends for `/metrics` (`Authorization: Bearer …`).
        metrics_networks: Networks that may read `/metrics`, such as `10.1.0.0/16`. Behind a proxy, set `proxies`, or
            use the token. If both are set, both are required; without either, `/metrics` returns 404.
        tick_seconds: Interval at which schedules and pending work are checked.
        api_requests_a_minute: Maximum API requests of each token in a minute.
        identifications_a_minute: Maximum `identify` requests of all tokens of a member together in a minute.
        edge_recheck_share: Percentage of contributors' results that this installation fetches and measures again.
        update_url: URL that returns the latest version, such as the `…/releases/latest` API of a code host. Exhibit
            sends one `GET` a day, without version, contact or cookie; the server learns this machine's IP address.
            Empty: no requests.
        debug: Shows errors in the browser. Never enable it on a machine that others can reach.
    """

    data_dir: Path
    database_url: str = setting("", values.parse_database_url)
    redis_url: str = setting("", values.parse_redis_url)
    blobs_url: str = setting("", values.parse_blobs_url)
    milvus_url: str = setting("", values.parse_milvus_url)
    secrets_dir: str = setting("", values.parse_text)
    web_host: str = setting("127.0.0.1", values.parse_text)
    web_port: int = setting(8080, values.build_integer_parser(1, 65_535))
    public_url: str = setting("", values.parse_web_url)
    allowed_hosts: tuple[str, ...] = setting((), values.parse_texts)
    proxies: int = setting(0, values.build_integer_parser(0, 16))
    sign_up: str = setting("invitation", values.build_choice_parser("invitation", "open"))
    passkey_roots: str = setting("", values.parse_text)
    passkey_aaguids: tuple[str, ...] = setting((), values.parse_aaguids)
    mail_url: str = setting("", values.parse_mail_url)
    mail_from: str = setting("", values.parse_mail_address)
    mail_sign_in: bool = setting(default=True, check=values.parse_bool)
    push: bool = setting(default=True, check=values.parse_bool)
    workers: int = setting(2, values.build_integer_parser(1, 256))
    contact: str = setting("", values.parse_contact)
    operator_name: str = setting("", values.parse_text)
    allowed_networks: tuple[str, ...] = setting((), values.parse_networks)
    cocapture_networks: tuple[str, ...] = setting((), values.parse_networks)
    rdap_url: str = setting("https://data.iana.org/rdap", values.parse_web_url)
    web_archive_url: str = setting("", values.parse_web_archive_url)
    wayback_url: str = setting("https://web.archive.org", values.parse_web_url)
    common_crawl_url: str = setting("https://index.commoncrawl.org", values.parse_web_url)
    common_crawl_data_url: str = setting("https://data.commoncrawl.org", values.parse_web_url)
    retention_days: int = setting(30, values.build_integer_parser(1, 36_500))
    owner_quota_bytes: int = setting(50 * _GIB, values.build_integer_parser(1))
    package_days: int = setting(30, values.build_integer_parser(1, 3_650))
    flood_floor: int = setting(30, values.build_integer_parser(1, 1_000_000))
    flood_factor: int = setting(3, values.build_integer_parser(1, 1_000))
    disk_floor_bytes: int = setting(2 * _GIB, values.build_integer_parser(0))
    max_picture_bytes: int = setting(MAX_PICTURE_BYTES, values.build_integer_parser(1))
    max_picture_pixels: int = setting(MAX_PICTURE_PIXELS, values.build_integer_parser(1))
    capture_browser: str = setting("", values.parse_text)
    recapture_days: int = setting(7, values.build_integer_parser(0, 3_650))
    anchors: tuple[AnchorConfig, ...] = ()
    timestamps_needed: int = setting(1, values.build_integer_parser(1, 64))
    direct_stamps_a_day: int = setting(100, values.build_integer_parser(0))
    languages: tuple[str, ...] = setting(("en", "zh-hans"), values.parse_languages)
    time_zone: str = setting("UTC", values.parse_time_zone)
    log_origin: str = setting("exhibit.localhost/log", values.parse_log_name)
    checkpoint_seconds: int = setting(600, values.build_integer_parser(1, 86_400))
    step_timeout_seconds: int = setting(600, values.build_integer_parser(2, 86_400))
    processor_hour_price: str = setting("", values.parse_price)
    log_format: str = setting("text", values.build_choice_parser("text", "json"))
    metrics_token: str = setting("", values.parse_token)
    metrics_networks: tuple[str, ...] = setting((), values.parse_networks)
    tick_seconds: int = setting(5, values.build_integer_parser(1, 3_600))
    api_requests_a_minute: int = setting(600, values.build_integer_parser(1, 1_000_000))
    identifications_a_minute: int = setting(30, values.build_integer_parser(1, 1_000_000))
    edge_recheck_share: int = setting(2, values.build_integer_parser(1, 100))
    update_url: str = setting("", values.parse_web_url)
    debug: bool = setting(default=False, check=values.parse_bool)


def read_config(environ: Mapping[str, str], kinds: AnchorKinds) -> Config:
    """Read the configuration of this process. The environment overrides ``exhibit.toml`` in the data folder.

    Raises ``ConfigError``, naming the setting, for unknown names and unusable values.
    """
    data_dir = _find_data_dir(environ)
    values = _read_file(data_dir / FILE_NAME) | _read_environment(environ)
    checks = {field.name: field.metadata["check"] for field in fields(Config) if field.metadata}
    checks["anchors"] = partial(read_anchors, kinds=kinds, folder=data_dir)
    parsed: dict[str, Any] = {}
    for name, (source, value) in values.items():
        try:
            parsed[name] = checks[name](value)
        except ValueError as error:
            raise ConfigError(
                f"{source} is invalid: {error}.",
                hint=_HINT,
            ) from None
    config = Config(data_dir=data_dir, **parsed)
    for name, fault in _find_missing_values(config).items():
        if fault:
            raise ConfigError(f"{values[name][0]} is invalid: {fault}.", hint=_HINT)
    return config


def _find_missing_values(config: Config) -> dict[str, str]:
    """Return, for each setting that requires another one, an error message; empty if nothing is missing."""
    roots = config.data_dir / config.passkey_roots
    has_roots = not config.passkey_roots or roots.is_file() or any(roots.glob("*.pem"))
    return {
        "sign_up": "the value open requires mail_url" if config.sign_up == "open" and not config.mail_url else "",
        "passkey_roots": "" if has_roots else f"{roots} is neither a file nor a folder with *.pem files",
        "passkey_aaguids": "it requires passkey_roots" if config.passkey_aaguids and not config.passkey_roots else "",
    }


def build_bare_config(environ: Mapping[str, str]) -> Config:
    """Return a configuration with only the data folder, for code that must run even if a setting is invalid."""
    return Config(data_dir=_find_data_dir(environ))


def ensure_data_dir(config: Config) -> Path:
    """Return the data folder, creating it as a private folder if necessary. Raises ``ConfigError`` on failure."""
    folder = config.data_dir
    if not folder.is_dir():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
        except OSError as error:
            hint = "Set EXHIBIT_DATA to a folder that Exhibit can write to."
            raise ConfigError(f"The data folder {folder} cannot be created: {error.strerror}.", hint=hint) from error
    return folder


def get_environment_name(field_name: str) -> str:
    """Return the environment variable of a field."""
    return _SPECIAL_ENVIRONMENT_NAMES.get(field_name, _PREFIX + field_name.upper())


def _find_data_dir(environ: Mapping[str, str]) -> Path:
    setting = environ.get("EXHIBIT_DATA", "")
    if setting:
        return Path(setting).expanduser().absolute()
    if os.geteuid() == 0:
        return Path("/var/lib/exhibit")
    base = environ.get("XDG_DATA_HOME", "")
    home = Path(environ.get("HOME") or Path.home())
    return (Path(base) if base else home / ".local" / "share").absolute() / "exhibit"


def _read_file(path: Path) -> dict[str, tuple[str, object]]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not a UTF-8 text file.", hint="Save the file as UTF-8.") from error
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}.") from error
    names = {field.name: field.name for field in fields(Config) if field.name != "data_dir"}
    return _group_by_field(table, names, f" in {path}")


def _read_environment(environ: Mapping[str, str]) -> dict[str, tuple[str, object]]:
    # An environment variable cannot contain a table, so tables are supported only in the file.
    names = {get_environment_name(field.name): field.name for field in fields(Config) if field.name != "anchors"}
    variables = {name: value for name, value in environ.items() if name in names or name.startswith(_PREFIX)}
    return {
        name: item for name, item in _group_by_field(variables, names, "").items() if item[1] and name != "data_dir"
    }


def _group_by_field(values: Mapping[str, object], names: dict[str, str], source: str) -> dict[str, tuple[str, object]]:
    """Return the values by field name, each with the setting's name for error messages."""
    for name in values:
        if name not in names:
            close = difflib.get_close_matches(name, names, n=1)
            hint = f"Did you mean {close[0]}?" if close else "To list all settings: make reference"
            raise ConfigError(f"{name}{source} is not a setting.", hint=hint)
    return {names[name]: (name + source, value) for name, value in values.items()}
