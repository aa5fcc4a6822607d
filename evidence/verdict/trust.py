"""Trust list: a dated list of pinned keys and timestamp services that ships with the verifier.

The content of a bundle never extends the list. A proof by an entry that is not pinned is reported as
"not checked: not on the trust list", even if the proof is otherwise consistent.
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
from evidence.keys.ed25519 import is_valid_point
from evidence.log.notes import parse_cosigner_key, parse_verifier_key
from exhibit.errors import IntegrityError, InvalidRequestError
from exhibit.plain import fold_name
from exhibit.types import OPTIONAL

TRUST_FORMAT = "exhibit-trust/1"
DEFAULT_PATH = Path(__file__).parent / "pins" / "default.json"
MAX_TRUST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class TrustedLog:
    """Public key of a log, in the form ``name+key id+base64`` (C2SP signed-note)."""

    vkey: str  # name, key id and public key (C2SP signed-note)
    development: bool  # true if the log is for development
    label: str  # label that results show for a development log
    operator: str = field(default="", metadata=OPTIONAL)  # operator of the log; empty if unknown


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """Pinned key of an owner.

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
        grades: Grades required in addition to ``grades.ALWAYS_REQUIRED``; ``None`` requires every grade for which a
            bundle has checks, except ``sheet``.
    """

    timestamps: int  # number of different pinned timestamp services that must state a time for the whole bundle
    grades: tuple[Literal["bytes", "owner", "capture", "match", "log", "time", "sheet"], ...] | None = field(
        default=None, metadata=OPTIONAL
    )
    cosigners: int = field(default=0, metadata=OPTIONAL)


@dataclass(frozen=True, slots=True)
class Trust(Canonical):
    """The trust list.

    Attributes:
        requires: Requirements of a complete verdict. If absent, one timestamp service and every grade for which a
            bundle has checks are required.
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
    cosigners: tuple[TrustedWitness, ...] = field(default=(), metadata=OPTIONAL)  # log witnesses
    partners: tuple[TrustedLog, ...] = field(default=(), metadata=OPTIONAL)  # logs of partner installations

    @property
    def requirements(self) -> Requirements:
        """Requirements of the list, or the defaults if the list states none."""
        return self.requires or Requirements(timestamps=1)

    def find_key(self, public: bytes, use: Literal["sealing", "device"]) -> TrustedKey | None:
        """Return the pinned key with this public key and use, or ``None``."""
        return next((key for key in self.keys if (key.public, key.use) == (public, use)), None)

    @classmethod
    def from_json(cls, data: bytes, *, label: str = "the trust list") -> Self:
        """Parse a trust list; raises ``FormatError`` with the position of the fault."""
        trust = from_plain(cls, parse_json(data, label=label, limit=MAX_TRUST_BYTES), location=label)
        timestamp_services: list[Any] = [pin for kind in KINDS.values() for pin in getattr(trust, kind.trust_field)]
        for entry in (*timestamp_services, *trust.logs, *trust.keys, *trust.partners):
            if entry.development and not entry.label:
                raise FormatError(f"{label} has a development entry without a label.")
        pinned_names = {fold_name(entry.name) for entry in timestamp_services}
        requirements = trust.requirements
        if not 1 <= requirements.timestamps <= max(len(pinned_names), 1):
            raise FormatError(
                f"{label} requires {requirements.timestamps} timestamp services but lists {len(pinned_names)}."
            )
        cosigners = {fold_name(cosigner.name) for cosigner in trust.cosigners}
        if not 0 <= requirements.cosigners <= len(cosigners):
            raise FormatError(f"{label} requires {requirements.cosigners} cosigners but lists {len(cosigners)}.")
        _check_pins(trust, label)
        for key in trust.keys:
            if not is_valid_point(key.public):
                raise FormatError(f"{label}: the key of {key.owner} is not secure: small order, or not canonical.")
        _check_identities(trust, label)
        return trust


def _check_pins(trust: Trust, source: str) -> None:
    for ledger in trust.ledgers:
        if problem := find_validators_fault(ledger.validators, ledger.quorum):
            raise FormatError(f"{source}: entry for {ledger.name}: {problem}.")
    for chain in trust.chains:
        if chain.network == "main" and not chain.blocks and chain.minimum_difficulty < 1:
            raise FormatError(
                f"{source}: {chain.name} requires less proof of work than any block of the main network has."
            )
    for authority in trust.authorities:
        _check_certificates(authority, source)
    logs = (log.vkey for log in (*trust.logs, *trust.partners))
    cosigner_keys = (cosigner.vkey for cosigner in trust.cosigners)
    for vkeys, parse in ((logs, parse_verifier_key), (cosigner_keys, parse_cosigner_key)):
        for vkey in vkeys:
            try:
                parse(vkey)
            except InvalidRequestError as error:
                raise FormatError(f"{source}: {vkey[:80]!a}: {error.message} {error.hint}".strip()) from error


def _check_identities(trust: Trust, source: str) -> None:
    """Raise ``FormatError`` if a key has two roles or two names: its holder would count twice."""
    identities: dict[bytes, tuple[str, tuple[object, ...]]] = {}
    for entry, key, identity in _list_identities(trust):
        first_entry, first_identity = identities.setdefault(key, (entry, identity))
        if first_identity != identity:
            raise FormatError(
                f"{source}: {first_entry} and {entry} have the same key. Each key can have only one role and one name."
            )


def _list_identities(trust: Trust) -> Iterator[tuple[str, bytes, tuple[object, ...]]]:
    """Yield position, key and identity of each entry with an Ed25519 key.

    The name is not part of a log's identity, because a restarted log keeps its key and changes its name.
    """
    for number, log in enumerate(trust.logs, 1):
        name, key = parse_verifier_key(log.vkey)
        yield f"logs {number} ({name[:80]!a})", key, ("log", log.operator)
    for number, partner in enumerate(trust.partners, 1):
        name, key = parse_verifier_key(partner.vkey)
        yield f"partners {number} ({name[:80]!a})", key, ("partner", partner.operator or name)
    for number, cosigner in enumerate(trust.cosigners, 1):
        _, key = parse_cosigner_key(cosigner.vkey)
        yield f"cosigners {number} ({cosigner.name[:80]!a})", key, ("cosigner", cosigner.name)
    for number, pin in enumerate(trust.keys, 1):
        yield f"keys {number} ({pin.owner[:80]!a})", pin.public, (pin.use, pin.owner, pin.revoked)


def _check_certificates(authority: TrustedAuthority, source: str) -> None:
    try:
        roots, _ = authority.roots, authority.qualified_certificates
    except IntegrityError as error:
        raise FormatError(f"{source}: a certificate of {authority.name} cannot be read.") from error
    if not roots:
        raise FormatError(f"{source}: {authority.name} has no certificate.")


def load_trust(path: Path = DEFAULT_PATH) -> Trust:
    """Read a trust list from a file.

    Raises ``InvalidRequestError`` if the file cannot be read or is not a trust list.
    """
    try:
        return Trust.from_json(path.read_bytes(), label=path.name)
    except (OSError, FormatError) as error:
        reason = error.message if isinstance(error, FormatError) else f"{path} cannot be read."
        raise InvalidRequestError(reason, hint="docs/reference/trust-list.md describes the trust list.") from error
