"""The log of this installation, and the keys that are derived from the log's key."""

from evidence.keys.ed25519 import KeySigner, derive_signer, load_mounted_signer
from evidence.log.append_only import Log, load_log_key
from exhibit.config.secrets import LOG_KEY, find_mounted_secret, get_secret_path
from exhibit.ports import Signer
from registry.log.log import PostgresLogStore, load_origins
from registry.services.services import Services
from registry.services.stores import get_checkpoint_store


def get_log(services: Services) -> Log:
    """Return the append-only log under its current name, which another process may have changed."""
    names = load_origins() or {services.config.log_origin: None}
    *former_names, origin = names
    public_keys = {name: key for name, key in names.items() if key is not None}
    checkpoint_store = get_checkpoint_store(services.config, services.objects)
    return Log(PostgresLogStore(), get_log_signer(services), origin, checkpoint_store, former_names, public_keys)


def get_log_signer(services: Services) -> KeySigner:
    """Return the key that signs the log's checkpoints."""
    return services.get_or_create(_make_log_signer)


def get_witness_signer(services: Services) -> Signer:
    """Return the key for cosigning other logs' checkpoints, derived from the log's key and equal on all machines."""
    return services.get_or_create(_make_witness_signer)


def get_author_signer(services: Services) -> Signer:
    """Return the key that signs model cards. It does not reveal the log from whose key it is derived."""
    return services.get_or_create(_make_author_signer)


def get_witness_name(services: Services) -> str:
    """Return the log witness name in this installation's cosignatures."""
    return f"{services.config.log_origin}/witness"


def _make_log_signer(services: Services) -> KeySigner:
    if (key := find_mounted_secret(services.config, LOG_KEY)) is not None:
        return load_mounted_signer(key)
    checkpoint_store = get_checkpoint_store(services.config, services.objects)
    return load_log_key(get_secret_path(services.config, LOG_KEY), checkpoint_store, services.config.log_origin)


def _make_witness_signer(services: Services) -> Signer:
    return derive_signer(get_log_signer(services), b"exhibit witness of logs v1")


def _make_author_signer(services: Services) -> Signer:
    return derive_signer(get_log_signer(services), b"exhibit author of models v1")
