"""Process-wide objects that describe, cache and search pictures.

OpenCV, ONNX Runtime and FAISS are loaded on first use: after a worker has forked, and never by a command or page that
handles no picture.
"""

from typing import TYPE_CHECKING

from registry.services.services import Services
from registry.services.stores import SharedObjects, objects_of

if TYPE_CHECKING:
    from indexer.picture.descriptor import Descriptor
    from indexer.search.cache import FeatureCache
    from registry.fingerprints.indexes import Indexes
    from registry.fingerprints.loaded_networks import Descriptors


def get_descriptors(services: Services) -> "Descriptors":
    """Return the networks that describe pictures."""
    return services.once(_load_descriptors)


def get_indexes(services: Services) -> "Indexes":
    """Return the vector indexes."""
    return services.once(_open_indexes)


def get_features(services: Services) -> "FeatureCache":
    """Return cached features of registered pictures, measured with the serving network."""
    return get_features_of(services, get_descriptors(services).serving)


def get_features_of(services: Services, descriptor: "Descriptor") -> "FeatureCache":
    """Return cached features of registered pictures, measured with ``descriptor``."""
    caches = services.once(_feature_caches)
    if (cache := caches.get(descriptor.space.id)) is None:
        cache = caches[descriptor.space.id] = _make_cache(services, descriptor)
    return cache


def _load_descriptors(services: Services) -> "Descriptors":
    from registry.fingerprints.loaded_networks import Descriptors

    return Descriptors(lambda: services.blobs)


def _open_indexes(services: Services) -> "Indexes":
    from registry.fingerprints.indexes import Indexes

    descriptors = get_descriptors(services)
    return Indexes(services.config, lambda: (descriptors.serving.space, descriptors.serving_row.pk))


def _feature_caches(_services: Services) -> "dict[str, FeatureCache]":
    return {}


def _make_cache(services: Services, descriptor: "Descriptor") -> "FeatureCache":
    from indexer.search.cache import FeatureCache

    folder = services.config.data_dir / "features"
    objects = objects_of(services.config, folder.name)
    shared = None if objects is None else SharedObjects(objects)
    return FeatureCache(folder, services.features_in_memory, services.limits, descriptor, shared)
