"""Codec of the local votes: the list of a descriptor, and its 16-byte code.

Lists and codes are those of Jégou, Douze and Schmid, "Product Quantization for Nearest Neighbor Search" (2011), in the
form of André, Kermarrec and Le Scouarnec, "Cache locality is not enough" (2015), as in FAISS: 32 parts of 4 bits, whose
tables fit into the registers of a processor ("fast scan"). A code represents the descriptor itself, not its difference
from its list's centre, so that one table per query serves all lists. Exhibit includes a codec (``models/votes.faiss``,
created by ``training/votes.py``); a large installation trains one on its own works.
"""

from functools import cache
from pathlib import Path
from typing import Any

import faiss as library
import numpy as np
from numpy.typing import NDArray

from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError, ServiceMissingError
from exhibit.types import Untyped
from indexer.picture.local_features import DESCRIPTOR_WIDTH, to_unit_rows

faiss: Any = library
faiss.omp_set_num_threads(1)

SHIPPED_CODEC = Path(__file__).parents[1] / "models" / "votes.faiss"
CODE_PARTS, PART_BITS = 32, 4
CODE_BYTES = 16
LIST_COUNTS = ((2_000, 1024), (20_000, 4096), (200_000, 16384))
MAX_LISTS = 65536
"""Maximum number of lists; the number depends on the works, so that each list contains some hundreds of descriptors."""
GRAPH_FROM = 4096
"""Number of lists from which an HNSW graph over their centres finds the nearest ones."""
GRAPH_NEIGHBOUR_COUNT = 32
SAMPLES_PER_LIST = 64
"""Number of descriptors per list in the training sample."""
CODEC_ROUNDS = 10
SAMPLES_PER_CODE = 4096
"""Number of sample descriptors for each of the 16 values of a part of the code."""


def choose_list_count(works: int) -> int:
    """Choose a suitable number of lists for ``works`` works."""
    return next((lists for max_works, lists in LIST_COUNTS if works <= max_works), MAX_LISTS)


def train_codec(descriptors: NDArray[np.uint8], lists: int, seed: int = 0) -> Untyped:
    """Train a codec, an empty FAISS index, from descriptors, uint8, (n, 128).

    The sample ideally has :data:`SAMPLES_PER_LIST` descriptors per list.

    The same sample and seed give the same codec on one kind of machine.

    Raises:
        InvalidRequestError: There are fewer descriptors than lists.
    """
    if len(descriptors) < lists:
        raise InvalidRequestError(f"{len(descriptors)} local features are too few for {lists} lists.")
    centres = (
        faiss.IndexHNSWFlat(DESCRIPTOR_WIDTH, GRAPH_NEIGHBOUR_COUNT)
        if lists >= GRAPH_FROM
        else faiss.IndexFlatL2(DESCRIPTOR_WIDTH)
    )
    codec = faiss.IndexIVFPQFastScan(centres, DESCRIPTOR_WIDTH, lists, CODE_PARTS, PART_BITS)
    codec.by_residual = False
    codec.cp.niter, codec.cp.seed, codec.pq.cp.seed = CODEC_ROUNDS, seed, seed
    codec.cp.max_points_per_centroid, codec.pq.cp.max_points_per_centroid = SAMPLES_PER_LIST, SAMPLES_PER_CODE
    codec.cp.min_points_per_centroid = codec.pq.cp.min_points_per_centroid = 1  # prevents a warning on standard error
    codec.train(to_unit_rows(descriptors))
    return _transfer_ownership(codec, centres)


@cache
def load_shipped_codec() -> Untyped:
    """Load the included codec as an empty index; copy it with :func:`create_empty_copy` before use."""
    if not SHIPPED_CODEC.is_file():
        raise ServiceMissingError(
            f"The model {SHIPPED_CODEC.name} is missing.", hint="Restore indexer/models.", retry=False
        )
    return faiss.read_index(str(SHIPPED_CODEC))


def create_empty_copy(index: Untyped) -> Untyped:
    """Create an empty index in memory with the same codec."""
    return create_codec(faiss.clone_index(faiss.downcast_index(index.quantizer)), index.pq)


def create_codec(centres: Untyped, code_book: Untyped) -> Untyped:
    """Create a codec from centres, a FAISS index that it takes ownership of, and the code book of another codec."""
    codec = faiss.IndexIVFPQFastScan(centres, DESCRIPTOR_WIDTH, centres.ntotal, CODE_PARTS, PART_BITS)
    codec.by_residual, codec.pq, codec.is_trained = False, code_book, True
    return _transfer_ownership(codec, centres)


def compute_codec_digest(index: Untyped) -> Digest:
    """Compute the identity of an index's codec: the digest of its centres and its code book."""
    centres = index.quantizer.reconstruct_n(0, index.nlist)
    return Digest.from_bytes(centres.tobytes() + faiss.vector_to_array(index.pq.centroids).tobytes())


def _transfer_ownership(codec: Untyped, centres: Untyped) -> Untyped:
    """Transfer ownership of the centres to the codec, so that they live as long as it does; return the codec."""
    centres.this.disown()
    codec.own_fields = True
    return codec
