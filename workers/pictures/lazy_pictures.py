"""Pictures that documents show, each read when it is asked for, so that no more than a few are in memory at a time."""

from collections.abc import Callable, Iterator, Mapping

from exhibit.errors import IntegrityError, NotFoundError, UnreadablePictureError


class LazyPictures(Mapping[str, bytes]):
    """Pictures by their path, each read or drawn when it is asked for; one that can't be had any more isn't in it."""

    def __init__(self, made: Mapping[str, Callable[[], bytes]]) -> None:
        self._made = made

    def __getitem__(self, path: str) -> bytes:
        try:
            return self._made[path]()
        except (NotFoundError, IntegrityError, UnreadablePictureError) as error:
            raise KeyError(path) from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)
