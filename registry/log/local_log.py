"""The log of this installation, and the keys that are derived from the log's key."""

from evidence.keys.ed25519 import KeySigner, derive_signer, load_mounted_signer
from evidence.log.append_only import Log, load_log_key
from exhibit.config.secrets import LOG_KEY, mounted, secret_path
from exhibit.ports import Signer
from registry.log.log import PostgresLogStore, load_origins
from registry.services.services import Services
from registry.services.stores import get_checkpoint_store


def get_log(services: Services) -> Log:
    """Return the append-only log under its current name, which another process may have changed."""
    names = load_origins() or {services.config.log_origin: None}
    *former_names, origin = names
    public_keys = {name: key for name, key in names.items() if key is not None}
    head_store = get_checkpoint_store(services.config, services.objects)
    return Log(PostgresLogStore(), get_log_signer(services), origin, head_store, former_names, public_keys)


def get_log_signer(services: Services) -> KeySigner:
    """Return the key that signs the log's checkpoints."""
    return services.once(_make_log_signer)


def get_witness_signer(services: Services) -> Signer:
    """Return the key that cosigns checkpoints of others' logs: derived from the log's key, the same on all machines."""
    return services.once(_make_witness_signer)


def get_author_signer(services: Services) -> Signer:
    """Return the key that signs cards of models: it does not reveal which log it is derived from."""
    return services.once(_make_author_signer)


def witness_name(services: Services) -> str:
    """Return the witness name in this installation's cosignatures."""
    return f"{services.config.log_origin}/witness"


def _make_log_signer(services: Services) -> KeySigner:
    if (key := mounted(services.config, LOG_KEY)) is not None:
        return load_mounted_signer(key)
    head_store = get_checkpoint_store(services.config, services.objects)
    return load_log_key(secret_path(services.config, LOG_KEY), head_store, services.config.log_origin)


def _make_witness_signer(services: Services) -> Signer:
    return derive_signer(get_log_signer(services), b"exhibit witness of logs v1")


def _make_author_signer(services: Services) -> Signer:
    return derive_signer(get_log_signer(services), b"exhibit author of models v1")
