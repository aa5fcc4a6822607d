"""Connection to Milvus with its token; searching it needs no database."""

import os

from exhibit.config.config import Config
from exhibit.config.secrets import MILVUS_TOKEN, secret_path
from indexer.vectors.milvus_index import Collections


def milvus_of(config: Config, prefix: str = "") -> Collections:
    """Return the collections of the configured Milvus server whose names start with ``prefix``."""
    file = secret_path(config, MILVUS_TOKEN)
    token = os.environ.get("MILVUS_TOKEN") or (file.read_text("utf-8") if file.exists() else "")
    return Collections(config.milvus_url, token.strip(), prefix)
