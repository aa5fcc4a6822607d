"""Loaded models of one process according to the database: the serving model and the model being built."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from django.db import transaction

from exhibit.digests import Digest
from exhibit.errors import ExhibitError
from exhibit.files.blobs import BlobStore, FolderBlobStore
from exhibit.types import Space
from indexer.picture.card import card_from_dict, create_space
from indexer.picture.descriptor import BUILT_IN, MODEL, Descriptor, DescriptorFile, GuardedDescriptor
from registry.fingerprints import descriptors
from registry.fingerprints.models import DescriptorChoice, DescriptorModel


class ModelChangedError(ExhibitError):
    """The serving model has changed since the pictures were measured; the pictures can be measured again."""

    def __init__(self) -> None:
        super().__init__("Another model has just been activated.", hint="Try again.", retry=True)


class LoadedDescriptors:
    """Models by their database rows; their files are in the blob store."""

    def __init__(self, blobs: Callable[[], BlobStore]) -> None:
        self._blobs = blobs  # called on demand, so that rows can be listed while the blob store is unavailable
        self._choice: DescriptorChoice | None = None
        self._descriptors: dict[int, Descriptor] = {}

    def refresh(self) -> None:
        """Read the rows again if they have changed."""
        if self._choice is not None and not descriptors.has_changed(self._choice):
            return
        self._choice = descriptors.get_descriptor_choice()
        if self._choice is None:
            install_built_in(self._blobs())
            self._choice = descriptors.get_descriptor_choice()

    @property
    def _current_choice(self) -> DescriptorChoice:
        if self._choice is None:
            self.refresh()
        assert self._choice is not None
        return self._choice

    @property
    def serving_row(self) -> DescriptorModel:
        """The row of the model that describes pictures."""
        return self._current_choice.serving

    @property
    def building_row(self) -> DescriptorModel | None:
        """The row of the model that is being built, if any."""
        return self._current_choice.building

    @property
    def serving(self) -> Descriptor:
        """The model that describes pictures."""
        return self.get_descriptor(self.serving_row)

    def is_built_in(self, row: DescriptorModel) -> bool:
        """Return True if the model is the built-in model of this version of Exhibit."""
        return row.shipped and f"{row.name}@{row.version}" == BUILT_IN.space.id

    def get_serving_file(self, data_dir: Path) -> DescriptorFile | None:
        """Return the serving model's file for other processes, or ``None`` for the built-in model."""
        row = self.serving_row
        if self.is_built_in(row):
            return None
        path = self._get_model_path(row.digest, data_dir / "networks")
        return DescriptorFile(card_from_dict(row.card), row.digest, path, is_guarded=row.shared is not None)

    def get_descriptor(self, row: DescriptorModel) -> Descriptor:
        """Return the descriptor of a row's model, which is opened on first use."""
        if row.pk not in self._descriptors:
            self._descriptors[row.pk] = self._open_descriptor(row)
        return self._descriptors[row.pk]

    def list_spaces(self) -> list[Space]:
        """Return the spaces of all models."""
        self.refresh()
        return [self.get_descriptor(row).space for row in DescriptorModel.objects.select_related("space")]

    def check_serving(self) -> None:
        """Ensure, until this transaction ends, that measurements may be stored.

        Raises ``ModelChangedError`` if another model is serving now.
        """
        if not descriptors.is_serving(self.serving_row.pk):
            self._choice = None
            raise ModelChangedError

    def _get_model_path(self, digest: Digest, folder: Path) -> Path:
        """Return the path of a model on this machine: the blob itself, or a local copy if blobs are in a bucket."""
        if isinstance(blobs := self._blobs(), FolderBlobStore):
            return blobs.get_path(digest)
        local_store = FolderBlobStore(folder)
        if not local_store.is_intact(digest):
            local_store.put(blobs.get(digest))
        return local_store.get_path(digest)

    def _open_descriptor(self, row: DescriptorModel) -> Descriptor:
        if self.is_built_in(row):
            return BUILT_IN
        card, digest = card_from_dict(row.card), row.digest
        descriptor_class = (
            Descriptor if row.shared is None else GuardedDescriptor
        )  # other authors' models run in their own process
        return descriptor_class(card, create_space(card, digest), lambda: self._blobs().get(digest))


def install_built_in(blobs: BlobStore) -> None:
    """Store this version's built-in model once; activate it, or start replacing an older built-in model with it.

    Its file is stored for use under later versions. Further calls have no effect, so an operator's choice is kept.
    """
    card = BUILT_IN.card
    if DescriptorModel.objects.filter(name=card.name, version=card.version).exists():
        return
    digest, size = blobs.put_file(MODEL), MODEL.stat().st_size
    with transaction.atomic():
        new_model = DescriptorModel(
            name=card.name, version=card.version, digest=digest, size=size, card=asdict(card), shipped=True
        )
        stored_model = descriptors.store_model(new_model, BUILT_IN.space)
        choice = descriptors.get_descriptor_choice(stored_model)
        if (
            choice is not None
            and choice.serving_id != stored_model.pk
            and choice.serving.shipped
            and not choice.building_id
        ):
            descriptors.start_building(stored_model)
