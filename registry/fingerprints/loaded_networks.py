"""The networks of one process, according to the database rows: the serving one and the one being built."""

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


class NetworkChangedError(ExhibitError):
    """The serving network has changed since the pictures were measured; they can be measured again."""

    def __init__(self) -> None:
        super().__init__("Another descriptor has come into use at this moment.", hint="Try again.", retry=True)


class Descriptors:
    """Networks by their database rows; their files are among the blobs."""

    def __init__(self, blobs: Callable[[], BlobStore]) -> None:
        self._blobs = blobs  # called only when needed: rows are listed even while the blob store is unavailable
        self._choice: DescriptorChoice | None = None
        self._networks: dict[int, Descriptor] = {}

    def refresh(self) -> None:
        """Read the rows again if they have changed."""
        if self._choice is not None and not descriptors.has_changed(self._choice):
            return
        self._choice = descriptors.get_choice()
        if self._choice is None:
            install_shipped(self._blobs())
            self._choice = descriptors.get_choice()

    @property
    def _current_choice(self) -> DescriptorChoice:
        if self._choice is None:
            self.refresh()
        assert self._choice is not None
        return self._choice

    @property
    def serving_row(self) -> DescriptorModel:
        """The row of the network that describes pictures."""
        return self._current_choice.serving

    @property
    def building_row(self) -> DescriptorModel | None:
        """The row of the network that is being built, if any."""
        return self._current_choice.building

    @property
    def serving(self) -> Descriptor:
        """The network that describes pictures."""
        return self.of(self.serving_row)

    def is_built_in(self, row: DescriptorModel) -> bool:
        """Return True if the network is the one that this version of Exhibit includes."""
        return row.shipped and f"{row.name}@{row.version}" == BUILT_IN.space.id

    def serving_file(self, data_dir: Path) -> DescriptorFile | None:
        """Return the serving network's file for other processes; ``None`` for the one that this version includes."""
        row = self.serving_row
        if self.is_built_in(row):
            return None
        path = self._file(row.digest, data_dir / "networks")
        return DescriptorFile(card_from_dict(row.card), row.digest, path, guarded=row.shared is not None)

    def of(self, row: DescriptorModel) -> Descriptor:
        """Return the network of a row, opened on first use."""
        if row.pk not in self._networks:
            self._networks[row.pk] = self._make(row)
        return self._networks[row.pk]

    def spaces(self) -> list[Space]:
        """Return the spaces of all networks."""
        self.refresh()
        return [self.of(row).space for row in DescriptorModel.objects.select_related("space")]

    def check_serving(self) -> None:
        """Ensure, until this transaction ends, that measurements may be stored.

        Raises ``NetworkChangedError`` otherwise.
        """
        if not descriptors.is_serving(self.serving_row.pk):
            self._choice = None
            raise NetworkChangedError

    def _file(self, digest: Digest, folder: Path) -> Path:
        """Return the path of a network on this machine: the blob itself, or a local copy if blobs are in a bucket."""
        if isinstance(blobs := self._blobs(), FolderBlobStore):
            return blobs.path(digest)
        local_store = FolderBlobStore(folder)
        if not local_store.is_whole(digest):
            local_store.put(blobs.get(digest))
        return local_store.path(digest)

    def _make(self, row: DescriptorModel) -> Descriptor:
        if self.is_built_in(row):
            return BUILT_IN
        card, digest = card_from_dict(row.card), row.digest
        kind = Descriptor if row.shared is None else GuardedDescriptor  # another author's runs in its own process
        return kind(card, create_space(card, digest), lambda: self._blobs().get(digest))


def install_shipped(blobs: BlobStore) -> None:
    """Store this version's network, once, and let it serve or start to replace an older shipped one.

    Its file is stored for use under later versions. Further calls change nothing, so that a person's choice stays.
    """
    card = BUILT_IN.card
    if DescriptorModel.objects.filter(name=card.name, version=card.version).exists():
        return
    digest, size = blobs.put_file(MODEL), MODEL.stat().st_size
    with transaction.atomic():
        new = DescriptorModel(
            name=card.name, version=card.version, digest=digest, size=size, card=asdict(card), shipped=True
        )
        shipped = descriptors.store_model(new, BUILT_IN.space)
        choice = descriptors.get_choice(shipped)
        if choice is not None and choice.serving_id != shipped.pk and choice.serving.shipped and not choice.building_id:
            descriptors.start_building(shipped)
