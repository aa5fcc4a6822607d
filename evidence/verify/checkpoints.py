"""The checkpoints that a bundle or a file holds: what somebody outside has seen of a log."""

from pathlib import Path

from evidence.bundle.bag import CHECKPOINT_PATH
from evidence.bundle.manifest import FACTS_PATH
from evidence.facts.case import CaseFacts
from evidence.formats.codec import MAX_JSON_BYTES
from evidence.formats.container import Contents, read_all
from evidence.formats.zipread import is_zip
from evidence.log.notes import MAX_NOTE, parse_note
from evidence.log.proofs import LATER_CHECKPOINT
from evidence.verify.checks.inspection import log_proofs
from evidence.verify.verifier import opened
from exhibit.errors import IntegrityError, WrongUseError


def checkpoints_in(path: Path) -> list[str]:
    """The signed notes in a bundle (ZIP or folder), or the one that a file holds; each once.

    Raises ``WrongUseError`` or ``NoBundleError`` for what can't be opened, ``FormatError`` or ``IntegrityError`` for
    facts or a checkpoint that can't be read.
    """
    try:
        if path.is_dir() or is_zip(path):
            with opened(path) as contents:
                return list(dict.fromkeys(_of_bundle(contents)))
        with path.open("rb") as file:
            data = file.read(MAX_NOTE + 1)
    except OSError as error:
        raise WrongUseError(f"{path} is neither a bundle nor a checkpoint that can be read.") from error
    return [_note(data, path.name)]


def _note(data: bytes, name: str) -> str:
    try:
        text = data.decode("utf-8")
        parse_note(text)
    except (UnicodeDecodeError, IntegrityError) as error:
        raise IntegrityError(f"{name} isn't a signed note, as a checkpoint is.") from error
    return text


def _of_bundle(contents: Contents) -> list[str]:
    names = [name for name in sorted(contents.names) if name == CHECKPOINT_PATH or LATER_CHECKPOINT.fullmatch(name)]
    found = [_note(read_all(contents, name, MAX_NOTE), name) for name in names]
    if FACTS_PATH in contents.names:
        facts = CaseFacts.from_json(read_all(contents, FACTS_PATH, MAX_JSON_BYTES))
        found += [proof.checkpoint for _, proof in log_proofs(facts)]
    return found
