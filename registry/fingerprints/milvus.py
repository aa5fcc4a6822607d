"""Connection to Milvus with its token; searching does not need the database."""

import os

from exhibit.config.config import Config
from exhibit.config.secrets import MILVUS_TOKEN, get_secret_path
from indexer.vectors.milvus_index import Collections


def connect_milvus(config: Config, prefix: str = "") -> Collections:
    """Return the collections of the configured Milvus server whose names start with ``prefix``."""
    file = get_secret_path(config, MILVUS_TOKEN)
    token = os.environ.get("MILVUS_TOKEN") or (file.read_text("utf-8") if file.exists() else "")
    return Collections(config.milvus_url, token.strip(), prefix)
