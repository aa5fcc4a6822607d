"""Process-wide objects for descriptors, cached features and vector indexes.

OpenCV, ONNX Runtime and FAISS are loaded on first use: after a worker has forked, and never by a command or page that
does not process pictures.
"""

from typing import TYPE_CHECKING

from registry.services.services import Services
from registry.services.stores import SharedObjects, get_named_objects

if TYPE_CHECKING:
    from indexer.picture.descriptor import Descriptor
    from indexer.search.cache import FeatureCache
    from registry.fingerprints.indexes import Indexes
    from registry.fingerprints.loaded_models import LoadedDescriptors


def get_descriptors(services: Services) -> "LoadedDescriptors":
    """Return the descriptor models."""
    return services.get_or_create(_load_descriptors)


def get_indexes(services: Services) -> "Indexes":
    """Return the vector indexes."""
    return services.get_or_create(_open_indexes)


def get_features(services: Services) -> "FeatureCache":
    """Return cached features of registered pictures, computed with the active model."""
    return get_descriptor_features(services, get_descriptors(services).serving)


def get_descriptor_features(services: Services, descriptor: "Descriptor") -> "FeatureCache":
    """Return cached features of registered pictures, computed with ``descriptor``."""
    caches = services.get_or_create(_create_feature_caches)
    if (cache := caches.get(descriptor.space.id)) is None:
        cache = caches[descriptor.space.id] = _make_cache(services, descriptor)
    return cache


def _load_descriptors(services: Services) -> "LoadedDescriptors":
    from registry.fingerprints.loaded_models import LoadedDescriptors

    return LoadedDescriptors(lambda: services.blobs)


def _open_indexes(services: Services) -> "Indexes":
    from registry.fingerprints.indexes import Indexes

    descriptors = get_descriptors(services)
    return Indexes(services.config, lambda: (descriptors.serving.space, descriptors.serving_row.pk))


def _create_feature_caches(_services: Services) -> "dict[str, FeatureCache]":
    return {}


def _make_cache(services: Services, descriptor: "Descriptor") -> "FeatureCache":
    from indexer.search.cache import FeatureCache

    folder = services.config.data_dir / "features"
    objects = get_named_objects(services.config, folder.name)
    shared = None if objects is None else SharedObjects(objects)
    return FeatureCache(folder, services.features_in_memory, services.limits, descriptor, shared)
