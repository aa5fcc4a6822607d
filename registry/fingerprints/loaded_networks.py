"""The networks of one process: which serves, which is being brought into use, by the rows as last looked at."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from django.db import transaction

from exhibit.digests import Digest
from exhibit.errors import ExhibitError
from exhibit.files.blobs import BlobStore, FolderBlobStore
from exhibit.types import Space
from indexer.picture.card import card_of, space_of
from indexer.picture.descriptor import BUILT_IN, MODEL, Descriptor, DescriptorFile, GuardedDescriptor
from registry.fingerprints import descriptors
from registry.fingerprints.models import DescriptorChoice, DescriptorModel


class SwitchedError(ExhibitError):
    """Another network serves than the one that pictures were measured with; measured again they can be kept."""

    def __init__(self) -> None:
        super().__init__("Another descriptor has come into use at this moment.", hint="Try again.", retry=True)


class Descriptors:
    """Networks by their rows, with their files among the blobs."""

    def __init__(self, blobs: Callable[[], BlobStore]) -> None:
        self._blobs = blobs  # asked for when they are needed: rows are told of while their place is away
        self._choice: DescriptorChoice | None = None
        self._made: dict[int, Descriptor] = {}

    def refresh(self) -> None:
        """Look at the rows again."""
        if self._choice is not None and not descriptors.has_changed(self._choice):
            return
        self._choice = descriptors.choice_with()
        if self._choice is None:
            start_shipped(self._blobs())
            self._choice = descriptors.choice_with()

    @property
    def _chosen(self) -> DescriptorChoice:
        if self._choice is None:
            self.refresh()
        assert self._choice is not None
        return self._choice

    @property
    def serving_row(self) -> DescriptorModel:
        """What pictures are described with."""
        return self._chosen.serving

    @property
    def building_row(self) -> DescriptorModel | None:
        """What is being brought into use."""
        return self._chosen.building

    @property
    def serving(self) -> Descriptor:
        """What pictures are described with."""
        return self.of(self.serving_row)

    def is_present(self, row: DescriptorModel) -> bool:
        """Whether a network is the one that comes with this version of the software."""
        return row.shipped and f"{row.name}@{row.version}" == BUILT_IN.space.id

    def serving_file(self, data_dir: Path) -> DescriptorFile | None:
        """The network that serves, for other processes; ``None`` for the one that comes with this version."""
        row = self.serving_row
        if self.is_present(row):
            return None
        path = self._file(row.digest, data_dir / "networks")
        return DescriptorFile(card_of(row.card), row.digest, path, guarded=row.shared is not None)

    def of(self, row: DescriptorModel) -> Descriptor:
        """The network of a row, opened on first use."""
        if row.pk not in self._made:
            self._made[row.pk] = self._make(row)
        return self._made[row.pk]

    def spaces(self) -> list[Space]:
        """The spaces of all networks that there are."""
        self.refresh()
        return [self.of(row).space for row in DescriptorModel.objects.select_related("space")]

    def check_serving(self) -> None:
        """Make sure, until this transaction ends, that what was measured may be kept; raises ``SwitchedError``."""
        if not descriptors.still_serves(self.serving_row.pk):
            self._choice = None
            raise SwitchedError

    def _file(self, digest: Digest, folder: Path) -> Path:
        """Where a network lies on this machine; a copy in a folder where the bytes lie in a bucket."""
        if isinstance(blobs := self._blobs(), FolderBlobStore):
            return blobs.path(digest)
        here = FolderBlobStore(folder)
        if not here.is_whole(digest):
            here.put(blobs.get(digest))
        return here.path(digest)

    def _make(self, row: DescriptorModel) -> Descriptor:
        if self.is_present(row):
            return BUILT_IN
        card, digest = card_of(row.card), row.digest
        kind = Descriptor if row.shared is None else GuardedDescriptor  # somebody else's runs in a process of its own
        return kind(card, space_of(card, digest), lambda: self._blobs().get(digest))


def start_shipped(blobs: BlobStore) -> None:
    """Keep the network of this version, once, and let it serve or take the place of an older one that came along.

    Its file is kept for when a later version serves. A second time nothing changes, so that a person's choice stays.
    """
    card = BUILT_IN.card
    if DescriptorModel.objects.filter(name=card.name, version=card.version).exists():
        return
    digest, size = blobs.put_file(MODEL), MODEL.stat().st_size
    with transaction.atomic():
        new = DescriptorModel(
            name=card.name, version=card.version, digest=digest, size=size, card=asdict(card), shipped=True
        )
        shipped = descriptors.keep_model(new, BUILT_IN.space)
        choice = descriptors.choice_with(shipped)
        if choice is not None and choice.serving_id != shipped.pk and choice.serving.shipped and not choice.building_id:
            descriptors.start_building(shipped)
