"""Where Milvus is asked, and with which token; who only asks needs no database."""

import os

from exhibit.config.config import Config
from exhibit.config.secrets import MILVUS_TOKEN, secret_path
from indexer.vectors.milvus_index import Collections


def milvus_of(config: Config, prefix: str = "") -> Collections:
    """The collections in the Milvus of the setting whose names begin like this."""
    file = secret_path(config, MILVUS_TOKEN)
    token = os.environ.get("MILVUS_TOKEN") or (file.read_text("utf-8") if file.exists() else "")
    return Collections(config.milvus_url, token.strip(), prefix)
