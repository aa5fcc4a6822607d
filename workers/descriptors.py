"""The networks of one process: which serves, which is being brought into use, by the rows as last looked at."""

from exhibit.errors import ExhibitError
from exhibit.ports import BlobStore
from exhibit.types import Space
from indexer.card import card_of, plain_card, space_of
from indexer.descriptor import BUILT_IN, MODEL, Descriptor
from registry import descriptors
from registry.models import DescriptorChoice, DescriptorModel


class SwitchedError(ExhibitError):
    """Another network serves than the one that pictures were measured with; measured again they can be kept."""

    def __init__(self) -> None:
        super().__init__("Another descriptor has come into use at this moment.", hint="Try again.", retry=True)


class Descriptors:
    """Networks by their rows.

    Args:
        blobs: where their files are.
    """

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._choice: DescriptorChoice | None = None
        self._made: dict[int, Descriptor] = {}

    def refresh(self) -> None:
        """Look at the rows again. A newer network that comes with the software takes the place of an older one."""
        choice = descriptors.choice_with()
        if choice is None or choice.serving.shipped:
            shipped = self._shipped()
            choice = choice or descriptors.choice_with(shipped)
            if choice is not None and choice.serving_id != shipped.pk and choice.building_id is None:
                descriptors.start_building(shipped)
                choice = descriptors.choice_with()
        self._choice = choice

    @property
    def serving_row(self) -> DescriptorModel:
        """What pictures are described with."""
        if self._choice is None:
            self.refresh()
        assert self._choice is not None
        return self._choice.serving

    @property
    def building_row(self) -> DescriptorModel | None:
        """What is being brought into use."""
        if self._choice is None:
            self.refresh()
        assert self._choice is not None
        return self._choice.building

    @property
    def serving(self) -> Descriptor:
        """What pictures are described with."""
        return self.of(self.serving_row)

    def is_present(self, row: DescriptorModel) -> bool:
        """Whether a network is the one that comes with this version of the software."""
        return row.shipped and f"{row.name}@{row.version}" == BUILT_IN.space.id

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
        """Make sure, until this transaction ends, that what was measured may be kept.

        Raises:
            SwitchedError: another network serves meanwhile.
        """
        if not descriptors.still_serves(self.serving_row.pk):
            self._choice = None
            raise SwitchedError

    def _make(self, row: DescriptorModel) -> Descriptor:
        if self.is_present(row):
            return BUILT_IN
        card, digest = card_of(row.card), row.digest
        return Descriptor(card, space_of(card, digest), lambda: self._blobs.get(digest))

    def _shipped(self) -> DescriptorModel:
        """The row of the network of this version, whose file is kept for when a later version serves."""
        card, space = BUILT_IN.card, BUILT_IN.space
        there = DescriptorModel.objects.filter(name=card.name, version=card.version).select_related("space").first()
        if there is not None:
            return there
        digest, size = self._blobs.put_file(MODEL), MODEL.stat().st_size
        new = DescriptorModel(
            name=card.name, version=card.version, digest=digest, size=size, card=plain_card(card), shipped=True
        )
        return descriptors.keep_model(new, space)
