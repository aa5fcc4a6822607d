"""Trust list: a dated list of pinned keys and witnesses that ships with the verifier.

Nothing inside a bundle can add to the list. A proof by an entry that is not pinned is reported as
"not checked: unknown witness", even if it is otherwise consistent.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Self

from evidence.anchors import KINDS
from evidence.anchors.cosignature.kind import TrustedWitness
from evidence.anchors.evm.kind import TrustedLedger, find_validators_fault
from evidence.anchors.opentimestamps.kind import TrustedChain
from evidence.anchors.rfc3161.kind import TrustedAuthority
from evidence.formats.codec import Bytes32, Canonical, FormatError, from_plain, parse_json
from evidence.keys.ed25519 import is_sound_point
from evidence.log.notes import parse_cosigner_key, parse_verifier_key
from exhibit.errors import IntegrityError, WrongUseError
from exhibit.plain import fold_name
from exhibit.types import OPTIONAL

TRUST_FORMAT = "exhibit-trust/1"
DEFAULT = Path(__file__).parent / "pins" / "default.json"
MAX_TRUST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class TrustedLog:
    """Public key of a log, in the form ``name+key id+base64`` (C2SP signed-note)."""

    vkey: str  # name, key id and public key (C2SP signed-note)
    development: bool  # true if the log is for development
    label: str  # label that results show for a development log
    operator: str = field(default="", metadata=OPTIONAL)  # who runs the log; empty if unknown


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """Key that is known to belong to an owner.

    Attributes:
        use: ``sealing``, or ``device`` for a counter-signing key that only the owner holds.
        revoked: Time from which signatures by this key no longer count, aware, UTC; ``None`` if the key is valid.
    """

    owner: str  # name of the owner
    public: Bytes32  # Ed25519 public key, 32 bytes
    development: bool  # true if the key is for development
    label: str  # label that results show for a development key
    use: Literal["sealing", "device"] = field(default="sealing", metadata=OPTIONAL)
    revoked: datetime | None = field(default=None, metadata=OPTIONAL)


@dataclass(frozen=True, slots=True)
class Requirements:
    """Requirements of a complete verdict.

    Attributes:
        cosigners: Number of pinned log witnesses that must have cosigned the checkpoint.
        grades: Grades required besides those that are always required (``grades.ALWAYS``); ``None`` requires every
            grade that a bundle has checks for, except ``sheet``.
    """

    witnesses: int  # number of different pinned witnesses that must state a time for the whole bundle
    grades: tuple[Literal["bytes", "owner", "capture", "match", "log", "time", "sheet"], ...] | None = field(
        default=None, metadata=OPTIONAL
    )
    cosigners: int = field(default=0, metadata=OPTIONAL)


@dataclass(frozen=True, slots=True)
class Trust(Canonical):
    """The pinned list.

    Attributes:
        requires: Requirements of a complete verdict; if absent, one witness and every grade that a bundle has checks
            for.
    """

    dated: str  # date of the list, ISO 8601
    note: str  # sources of the entries
    authorities: tuple[TrustedAuthority, ...]  # time-stamping authorities
    chains: tuple[TrustedChain, ...]  # proof-of-work blockchains
    logs: tuple[TrustedLog, ...]  # keys of logs
    keys: tuple[TrustedKey, ...]  # sealing keys of owners
    format: str = TRUST_FORMAT  # :data:`TRUST_FORMAT`
    ledgers: tuple[TrustedLedger, ...] = field(default=(), metadata=OPTIONAL)  # blocks of EVM chains
    requires: Requirements | None = field(default=None, metadata=OPTIONAL)
    cosigners: tuple[TrustedWitness, ...] = field(default=(), metadata=OPTIONAL)  # witnesses of logs
    partners: tuple[TrustedLog, ...] = field(default=(), metadata=OPTIONAL)  # logs of partner installations

    @property
    def requirements(self) -> Requirements:
        """The list's requirements, or the defaults if it states none."""
        return self.requires or Requirements(witnesses=1)

    def key(self, public: bytes, use: Literal["sealing", "device"]) -> TrustedKey | None:
        """Return the pinned key with this public key and use, or ``None``."""
        return next((key for key in self.keys if (key.public, key.use) == (public, use)), None)

    @classmethod
    def from_json(cls, data: bytes, *, what: str = "the trust list") -> Self:
        """Read a list; raises ``FormatError`` that names the faulty place."""
        trust = from_plain(cls, parse_json(data, what=what, limit=MAX_TRUST_BYTES), where=what)
        witnesses: list[Any] = [pin for kind in KINDS.values() for pin in getattr(trust, kind.pins)]
        for entry in (*witnesses, *trust.logs, *trust.keys, *trust.partners):
            if entry.development and not entry.label:
                raise FormatError(f"{what} has a development entry without a label.")
        pinned = {fold_name(entry.name) for entry in witnesses}
        requirements = trust.requirements
        if not 1 <= requirements.witnesses <= max(len(pinned), 1):
            raise FormatError(f"{what} requires {requirements.witnesses} timestamp services but pins {len(pinned)}.")
        cosigners = {fold_name(witness.name) for witness in trust.cosigners}
        if not 0 <= requirements.cosigners <= len(cosigners):
            raise FormatError(f"{what} requires {requirements.cosigners} cosigners but pins {len(cosigners)}.")
        _check_pins(trust, what)
        for key in trust.keys:
            if not is_sound_point(key.public):
                raise FormatError(f"{what}: the key of {key.owner} is of small order, or not in canonical form.")
        _check_identities(trust, what)
        return trust


def _check_pins(trust: Trust, what: str) -> None:
    for ledger in trust.ledgers:
        if fault := find_validators_fault(ledger.validators, ledger.quorum):
            raise FormatError(f"{what}: of {ledger.name}, {fault}.")
    for chain in trust.chains:
        if chain.network == "main" and not chain.blocks and chain.minimum_difficulty < 1:
            raise FormatError(f"{what}: {chain.name} requires less work than any block of the main network has.")
    for authority in trust.authorities:
        _check_certificates(authority, what)
    logs = (log.vkey for log in (*trust.logs, *trust.partners))
    witnesses = (witness.vkey for witness in trust.cosigners)
    for vkeys, parse in ((logs, parse_verifier_key), (witnesses, parse_cosigner_key)):
        for vkey in vkeys:
            try:
                parse(vkey)
            except WrongUseError as error:
                raise FormatError(f"{what}: {vkey[:80]!a}: {error.message} {error.hint}".strip()) from error


def _check_identities(trust: Trust, what: str) -> None:
    """Raise ``FormatError`` if a key has two roles or two names, because one party would then count as two."""
    identities: dict[bytes, tuple[str, tuple[object, ...]]] = {}
    for line, key, identity in _identities(trust):
        first, other = identities.setdefault(key, (line, identity))
        if other != identity:
            raise FormatError(f"{what}: {first} and {line} have the same key. A key has one role and one name.")


def _identities(trust: Trust) -> Iterator[tuple[str, bytes, tuple[object, ...]]]:
    """Yield the place, key and identity of each entry with an Ed25519 key.

    A log that was restarted has kept its key.
    """
    for place, log in enumerate(trust.logs, 1):
        name, key = parse_verifier_key(log.vkey)
        yield f"logs {place} ({name[:80]!a})", key, ("log", log.operator)
    for place, partner in enumerate(trust.partners, 1):
        name, key = parse_verifier_key(partner.vkey)
        yield f"partners {place} ({name[:80]!a})", key, ("partner", partner.operator or name)
    for place, witness in enumerate(trust.cosigners, 1):
        _, key = parse_cosigner_key(witness.vkey)
        yield f"cosigners {place} ({witness.name[:80]!a})", key, ("cosigner", witness.name)
    for place, pin in enumerate(trust.keys, 1):
        yield f"keys {place} ({pin.owner[:80]!a})", pin.public, (pin.use, pin.owner, pin.revoked)


def _check_certificates(authority: TrustedAuthority, what: str) -> None:
    try:
        roots, _ = authority.roots, authority.qualified_certificates
    except IntegrityError as error:
        raise FormatError(f"{what}: a certificate of {authority.name} cannot be read.") from error
    if not roots:
        raise FormatError(f"{what}: {authority.name} has no certificate.")


def load_trust(path: Path = DEFAULT) -> Trust:
    """Read a trust list from a file; raises ``WrongUseError`` if the file cannot be read or is not a trust list."""
    try:
        return Trust.from_json(path.read_bytes(), what=path.name)
    except (OSError, FormatError) as error:
        reason = error.message if isinstance(error, FormatError) else f"{path} cannot be read."
        raise WrongUseError(reason, hint="docs/reference/trust-list.md describes the trust list.") from error
