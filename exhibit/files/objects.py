"""Objects of a bucket that have names of their own, beside the exact bytes: what is replaced, or waits for a while."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime

import obstore
from obstore import exceptions

from exhibit.errors import StorageError
from exhibit.files.bucket import Bucket
from exhibit.sentences import Sentence


class NamedObjects:
    """What lies below one folder of a bucket, by name. Whatever the bucket is to blame for is a ``StorageError``."""

    def __init__(self, bucket: Bucket, folder: str) -> None:
        self._bucket, self._folder, self._conditional = bucket, folder, True

    def get(self, name: str) -> tuple[bytes, str] | None:
        """The bytes, and the mark (ETag) of this state of them; ``None`` when nothing has the name."""
        with self._bucket.asked() as objects:
            try:
                found = obstore.get(objects, self._key(name))
                return bytes(found.bytes()), found.meta["e_tag"] or ""
            except FileNotFoundError:
                pass
        self._bucket.check()
        return None

    def put(self, name: str, data: bytes) -> None:
        """Keep bytes under a name, whatever had it."""
        self._bucket.write(self._key(name), data)

    def create(self, name: str, data: bytes) -> bool:
        """Keep bytes under a name that nothing has; false when something has it."""
        try:
            self._bucket.write(self._key(name), data, "create")
        except exceptions.AlreadyExistsError:
            return False
        return True

    def replace(self, name: str, data: bytes, mark: str) -> None:
        """Put bytes in the place of those with a mark, or of none; raises ``StorageError`` when others came meanwhile.

        A store that replaces under no condition, such as Swift, is asked for the mark just before.
        """
        if not mark:
            if not self.create(name, data):
                raise _changed()
            return
        key = self._key(name)
        with self._bucket.asked() as objects:
            try:
                if self._conditional:
                    obstore.put(objects, key, data, mode={"e_tag": mark}, use_multipart=False)
                    return
            except (exceptions.PreconditionError, FileNotFoundError):
                raise _changed() from None
            except (exceptions.GenericError, exceptions.NotSupportedError) as error:
                if isinstance(error, exceptions.GenericError) and "NotImplemented" not in str(error):
                    raise
                self._conditional = False
        if (self.get(name) or (b"", ""))[1] != mark:
            raise _changed()
        self.put(name, data)

    def remove(self, name: str) -> None:
        """Let nothing have the name."""
        with self._bucket.asked() as objects, suppress(FileNotFoundError):
            obstore.delete(objects, self._key(name))

    def folders(self) -> list[str]:
        """The first part of all names of several parts."""
        with self._bucket.asked() as objects:
            found = obstore.list_with_delimiter(objects, self._folder)["common_prefixes"]
        return [path.removeprefix(f"{self._folder}/") for path in found]

    def names(self, below: str = "") -> Iterator[tuple[str, datetime]]:
        """All names, or those below one, and since when each has had its bytes, by the store's clock."""
        for some in self._bucket.listed(self._key(below).rstrip("/")):
            for one in some:
                yield one["path"].removeprefix(f"{self._folder}/"), one["last_modified"]

    def _key(self, name: str) -> str:
        return f"{self._folder}/{name}".lstrip("/")


def _changed() -> StorageError:
    return StorageError(Sentence("The object was replaced by another process meanwhile."), hint="Try again.")
