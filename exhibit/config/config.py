"""The configuration: environment variables over ``exhibit.toml`` in the data folder, and nothing guessed.

Every setting is a field of :class:`Config`; its metadata says how text becomes a value. An unknown name or a value that
can't be used stops the start with a sentence that names the setting.
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
from exhibit.config.anchors import AnchorConfig, Kinds, read_anchors
from exhibit.config.values import setting
from exhibit.errors import ConfigError
from exhibit.types import MAX_PICTURE_BYTES, MAX_PICTURE_PIXELS

__all__ = ["FILE_NAME", "AnchorConfig", "Config", "bare_config", "environment_name", "made_data_dir", "read_config"]

FILE_NAME = "exhibit.toml"

_GIB = 1024**3
_PREFIX = "EXHIBIT_"
_HINT = "docs/operator.md says how settings are written; `make reference` lists them all."
_OTHER_NAMES = {"data_dir": "EXHIBIT_DATA", "database_url": "DATABASE_URL", "redis_url": "REDIS_URL"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All settings of one installation.

    ``data_dir`` is absolute and may not exist yet.

    Attributes:
        data_dir: The data folder: pictures, evidence, indexes, secrets, logs, the embedded servers' data,
            `exhibit.toml`. With root, every folder above it must be open to all users (0755), since the embedded
            servers run as an unprivileged user.
        database_url: A PostgreSQL of your own, such as `postgresql://exhibit:secret@db/exhibit`. Empty: an embedded
            PostgreSQL.
        redis_url: A Redis or Valkey of your own, such as `redis://cache:6379/0`. Empty: an embedded Redis.
        blobs_url: Where the exact bytes lie, such as `s3://bucket/prefix` (and what speaks S3), `gs://…`, `az://…` or
            `file:///mnt/exhibit`; keys and endpoint are taken from the environment, such as `AWS_ACCESS_KEY_ID`, or
            from `secrets/bucket.toml`. Empty: in `blobs/` of the data folder. `exhibit blobs move` takes those along
            that are there.
        secrets_dir: A folder of secrets that lie elsewhere, such as a mount of Kubernetes or Docker, which may be
            read-only: `master_key`, `secret_key`, `log.key`, `installation`, `bucket.toml`. Those that aren't there
            are taken from `secrets/` of the data folder; where none is there, it isn't mounted, and nothing starts.
        milvus_url: A Milvus of your own, in which all pictures ever seen are searched, such as `http://milvus:19530` or
            `https://milvus.example.org/database`; its token is taken from `MILVUS_TOKEN` in the environment, or from
            `secrets/milvus_token`. Empty: each machine searches them itself. `exhibit index rebuild --to`
            takes them there and back.
        web_host: The address on which the site listens. Put a proxy with TLS before it when others are to reach it.
        web_port: Its port.
        public_url: The address under which people reach the site; links in mails and documents begin with it.
        allowed_hosts: Further host names under which the site answers; the host of `public_url`, `web_host` and
            localhost always count.
        proxies: How many proxies of your own stand before the site, one behind another. So many of the last addresses
            in `X-Forwarded-For` are believed when visitors are told apart, for the limits of sign-ins and links and
            for `metrics_networks`; with 0 all visitors behind a proxy count as one.
        sign_up: Who can have an account: `invitation`, whom a member or the operator invites; `open`, whoever
            verifies an e-mail address, and may then add an owner of their own. `open` needs a `mail_url`.
        passkey_roots: A file of root certificates (PEM) of makers of passkeys, or a folder of such files named `*.pem`.
            Then a maker has to vouch for each passkey that is added (attestation), and only passkeys of such makers
            sign grave decisions. Empty: nobody is asked.
        passkey_aaguids: The kinds of devices that are allowed, by their AAGUIDs, such as
            `["2fc0579f-8113-47ea-b116-bb5a8db9202a"]`. It needs `passkey_roots`. Empty: all kinds of these makers.
        mail_url: The server that takes our mail: `smtp+tls://user:password@mail.example.org:587` (STARTTLS),
            `smtps://…:465` (TLS from the beginning), or `smtp://localhost` for a relay of your own without TLS, which
            takes no password over a network. Signs such as `@` and `/` in user or password are percent-encoded.
            Empty: **nothing is sent**; each mail is a file in `mail/` of the data folder, and `exhibit doctor` says
            so.
        mail_from: The sender, such as `Exhibit <exhibit@example.org>`. Empty: `exhibit@` and the host of
            `public_url`.
        mail_sign_in: Whether links in mails to members open their page signed in, for three days: only in a browser in
            which the member has signed in before and hasn't signed out, after a press of a button, and with the second
            factor of who has one. False: links ask for the password where nobody is signed in.
        push: Whether members may have their browsers told of finds: by the service of the browser's maker (Google,
            Mozilla, Apple, Microsoft), which learns that a message was sent and when, not what it says. False: nobody
            is told so, and nothing is sent there.
        workers: Processes that crawl at once, and as many again that match or visit; six more at most do what is short
            and what people ask for. Each uses one core and up to 1 GB.
        contact: E-mail address or web page in the crawler's user agent, where a site's owner can complain or opt out.
            Set it before crawling the public web.
        operator_name: Who runs this installation; shown in documents as the one who sealed.
        allowed_networks: Private networks that crawler and capture may reach all the same, such as `10.1.0.0/16`.
            Without it every private, loopback and link-local address is refused.
        cocapture_networks: The same for visits that partners ask for, which `allowed_networks` doesn't open: for
            trials on one machine.
        rdap_url: Where IANA's registers of RDAP servers stand (RFC 9224); members who press a button have those asked
            that are named there. Empty: nobody can.
        web_archive_url: A web archive that speaks the Internet Archive's Save Page Now (SPN2), such as
            `https://web.archive.org`, which owners may have asked to save pages of confirmed cases. Its keys, as
            `ACCESS:SECRET`, are taken from `WEB_ARCHIVE_KEYS` in the environment, or from `secrets/web_archive_keys`.
            Empty: none is asked.
        wayback_url: Where the Wayback Machine is asked which captures it has of a domain, and for their bytes, by
            watches over an archive; and, where a member presses a button, since when it has captures of a confirmed
            case's pages and pictures. Empty: neither is offered.
        common_crawl_url: The same of Common Crawl's indexes. Empty: it isn't offered.
        common_crawl_data_url: Where Common Crawl's files lie.
        retention_days: Days for which the bytes of pictures that matched nothing are kept.
        owner_quota_bytes: Bytes of registered pictures, and documents beside them, that one owner may keep.
        package_days: Days for which bundles that were put together for a download are kept; the bundles themselves
            stay, and can be put together again.
        flood_floor: A work that is found on more new sites in a day is held back: no case is opened for it until a
            person decides. Sites whose pictures look alike count a tenth.
        flood_factor: So many times what it had on its best day before a work may be found on in a day, even where
            that is more.
        disk_floor_bytes: With less free space than this in the data folder, crawling stops and says so, and works
            that are sent to the site or the API are refused. So they are when hardly a file fits there any more.
        max_picture_bytes: Larger pictures are refused.
        max_picture_pixels: Pictures with more pixels are refused before they are decoded.
        capture_browser: The browser that captures are made with: a path or the name of a program. Empty: the first of
            `chromium`, `chromium-browser`, `google-chrome-stable`, `google-chrome`, `microsoft-edge-stable` on the
            PATH. `none`: no browser; pages are captured as they are served. Each worker has one of its own, some 500
            MB.
        recapture_days: Days until the places of open and confirmed cases are visited again; the pauses double while
            nothing changes, up to eight times this. 0: places are visited once.
        anchors: The outside witnesses, a table `[[anchors]]` for each; see below.
        witnesses_needed: How many different witnesses have to have answered in full for a bundle to be called
            witnessed, on the site and the command line. It stops nothing.
        direct_stamps_a_day: So many bundles in 24 hours have their seal digest stamped directly by each time-stamping
            authority too, so that `openssl` alone checks `data/manifest.json`. All others rest on the checkpoint
            alone, one stamp for all. 0: never.
        languages: Languages of the site, the default first.
        time_zone: The zone in which schedules and pages show times; stored and sealed times are UTC.
        log_origin: The name of this installation's log, the first line of each checkpoint: a host name of yours and a
            path, at most 200 visible ASCII characters without a plus sign, chosen before the first head is signed.
            Later only `exhibit api POST /operator/log/new-origin` changes it.
        checkpoint_seconds: How often the log's head is signed and witnessed while entries come; a new seal is
            witnessed at once.
        step_timeout_seconds: After so long without a sign of life, another worker takes a step over.
        processor_hour_price: What an hour of one processor core costs you, with its currency, such as `0.02 EUR`. The
            operator's page then says what a million pictures cost; without it, how many hours.
        log_format: `json` writes each line of the logs as one JSON object, with `request_id`, `task_id` and `task`,
            and a line for the end of each request and task.
        metrics_token: A secret of 16 to 200 characters that Prometheus shows for `/metrics` (`Authorization: Bearer
            …`).
        metrics_networks: Networks that may read `/metrics`, such as `10.1.0.0/16`. Behind a proxy set `proxies`, or
            use the token. Each of the two that is set has to be met; with neither, `/metrics` answers 404.
        tick_seconds: How often schedules and waiting work are looked at.
        api_requests_a_minute: How many requests of the API each token may send in a minute.
        identifications_a_minute: How many of them, of all tokens of a member together, may be `identify`.
        edge_recheck_share: How many of a hundred results of contributors are fetched and measured here again.
        update_url: An address that names the newest version, such as a forge's `…/releases/latest` of its API: one
            `GET` a day, without version, contact or cookie; it learns this machine's address. Empty: nobody is asked.
        debug: Shows errors in the browser. Never on a machine that others reach.
    """

    data_dir: Path
    database_url: str = setting("", values.database_url)
    redis_url: str = setting("", values.redis_url)
    blobs_url: str = setting("", values.blobs_url)
    milvus_url: str = setting("", values.milvus_url)
    secrets_dir: str = setting("", values.text)
    web_host: str = setting("127.0.0.1", values.text)
    web_port: int = setting(8080, values.whole_number(1, 65_535))
    public_url: str = setting("", values.web_url)
    allowed_hosts: tuple[str, ...] = setting((), values.texts)
    proxies: int = setting(0, values.whole_number(0, 16))
    sign_up: str = setting("invitation", values.one_of("invitation", "open"))
    passkey_roots: str = setting("", values.text)
    passkey_aaguids: tuple[str, ...] = setting((), values.aaguids)
    mail_url: str = setting("", values.mail_url)
    mail_from: str = setting("", values.mail_address)
    mail_sign_in: bool = setting(default=True, check=values.truth)
    push: bool = setting(default=True, check=values.truth)
    workers: int = setting(2, values.whole_number(1, 256))
    contact: str = setting("", values.contact)
    operator_name: str = setting("", values.text)
    allowed_networks: tuple[str, ...] = setting((), values.networks)
    cocapture_networks: tuple[str, ...] = setting((), values.networks)
    rdap_url: str = setting("https://data.iana.org/rdap", values.web_url)
    web_archive_url: str = setting("", values.web_archive_url)
    wayback_url: str = setting("https://web.archive.org", values.web_url)
    common_crawl_url: str = setting("https://index.commoncrawl.org", values.web_url)
    common_crawl_data_url: str = setting("https://data.commoncrawl.org", values.web_url)
    retention_days: int = setting(30, values.whole_number(1, 36_500))
    owner_quota_bytes: int = setting(50 * _GIB, values.whole_number(1))
    package_days: int = setting(30, values.whole_number(1, 3_650))
    flood_floor: int = setting(30, values.whole_number(1, 1_000_000))
    flood_factor: int = setting(3, values.whole_number(1, 1_000))
    disk_floor_bytes: int = setting(2 * _GIB, values.whole_number(0))
    max_picture_bytes: int = setting(MAX_PICTURE_BYTES, values.whole_number(1))
    max_picture_pixels: int = setting(MAX_PICTURE_PIXELS, values.whole_number(1))
    capture_browser: str = setting("", values.text)
    recapture_days: int = setting(7, values.whole_number(0, 3_650))
    anchors: tuple[AnchorConfig, ...] = ()
    witnesses_needed: int = setting(1, values.whole_number(1, 64))
    direct_stamps_a_day: int = setting(100, values.whole_number(0))
    languages: tuple[str, ...] = setting(("en", "zh-hans"), values.languages)
    time_zone: str = setting("UTC", values.time_zone)
    log_origin: str = setting("exhibit.localhost/log", values.log_name)
    checkpoint_seconds: int = setting(600, values.whole_number(1, 86_400))
    step_timeout_seconds: int = setting(600, values.whole_number(2, 86_400))
    processor_hour_price: str = setting("", values.price)
    log_format: str = setting("text", values.one_of("text", "json"))
    metrics_token: str = setting("", values.token)
    metrics_networks: tuple[str, ...] = setting((), values.networks)
    tick_seconds: int = setting(5, values.whole_number(1, 3_600))
    api_requests_a_minute: int = setting(600, values.whole_number(1, 1_000_000))
    identifications_a_minute: int = setting(30, values.whole_number(1, 1_000_000))
    edge_recheck_share: int = setting(2, values.whole_number(1, 100))
    update_url: str = setting("", values.web_url)
    debug: bool = setting(default=False, check=values.truth)


def read_config(environ: Mapping[str, str], kinds: Kinds) -> Config:
    """The configuration of this process; the environment wins over ``exhibit.toml`` in the data folder.

    Raises ``ConfigError``, which names the setting, when a name is unknown or a value can't be used.
    """
    data_dir = _data_dir(environ)
    given = _from_file(data_dir / FILE_NAME) | _from_environment(environ)
    checks = {field.name: field.metadata["check"] for field in fields(Config) if field.metadata}
    checks["anchors"] = partial(read_anchors, kinds=kinds, folder=data_dir)
    checked: dict[str, Any] = {}
    for name, (where, value) in given.items():
        try:
            checked[name] = checks[name](value)
        except ValueError as error:
            raise ConfigError(
                f"{where} can't be used: {error}.",
                hint=_HINT,
            ) from None
    config = Config(data_dir=data_dir, **checked)
    for name, fault in _lacking(config).items():
        if fault:
            raise ConfigError(f"{given[name][0]} can't be used: {fault}.", hint=_HINT)
    return config


def _lacking(config: Config) -> dict[str, str]:
    """What settings need besides themselves and isn't there, by their names; empty texts where nothing lacks."""
    roots = config.data_dir / config.passkey_roots
    found = not config.passkey_roots or roots.is_file() or any(roots.glob("*.pem"))
    return {
        "sign_up": "open needs a mail_url" if config.sign_up == "open" and not config.mail_url else "",
        "passkey_roots": "" if found else f"{roots} is no file, and no folder with *.pem",
        "passkey_aaguids": "it needs passkey_roots" if config.passkey_aaguids and not config.passkey_roots else "",
    }


def bare_config(environ: Mapping[str, str]) -> Config:
    """The data folder alone, all else as where nothing is set: for what goes on though a setting is wrong."""
    return Config(data_dir=_data_dir(environ))


def made_data_dir(config: Config) -> Path:
    """The data folder, made when it isn't there, closed to others; raises ``ConfigError`` where that can't be."""
    folder = config.data_dir
    if not folder.is_dir():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
        except OSError as error:
            hint = "Set EXHIBIT_DATA to a folder that you may write to."
            raise ConfigError(f"The data folder {folder} can't be made: {error.strerror}.", hint=hint) from error
    return folder


def environment_name(field_name: str) -> str:
    """The environment variable that sets a field."""
    return _OTHER_NAMES.get(field_name, _PREFIX + field_name.upper())


def _data_dir(environ: Mapping[str, str]) -> Path:
    given = environ.get("EXHIBIT_DATA", "")
    if given:
        return Path(given).expanduser().absolute()
    if os.geteuid() == 0:
        return Path("/var/lib/exhibit")
    base = environ.get("XDG_DATA_HOME", "")
    home = Path(environ.get("HOME") or Path.home())
    return (Path(base) if base else home / ".local" / "share").absolute() / "exhibit"


def _from_file(path: Path) -> dict[str, tuple[str, object]]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} isn't text in UTF-8.", hint="Save it again, with the encoding UTF-8.") from error
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} can't be read: {error}.") from error
    names = {field.name: field.name for field in fields(Config) if field.name != "data_dir"}
    return _by_field(table, names, f" in {path}")


def _from_environment(environ: Mapping[str, str]) -> dict[str, tuple[str, object]]:
    # tables have no form as one text: they stand in the file only
    names = {environment_name(field.name): field.name for field in fields(Config) if field.name != "anchors"}
    given = {name: value for name, value in environ.items() if name in names or name.startswith(_PREFIX)}
    return {name: found for name, found in _by_field(given, names, "").items() if found[1] and name != "data_dir"}


def _by_field(given: Mapping[str, object], names: dict[str, str], where: str) -> dict[str, tuple[str, object]]:
    """What is given by the names of fields, each with what it is called in a sentence and its value."""
    for name in given:
        if name not in names:
            close = difflib.get_close_matches(name, names, n=1)
            hint = f"Did you mean {close[0]}?" if close else "`make reference` writes a page of all settings."
            raise ConfigError(f"{name}{where} isn't a setting.", hint=hint)
    return {names[name]: (name + where, value) for name, value in given.items()}
