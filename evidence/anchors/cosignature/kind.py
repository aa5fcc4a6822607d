"""Declaration of log witnesses, and offline verification of their cosignatures."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from evidence.anchors.kind import AnchorKind, Attestation, Material, format_time, gettext_noop
from evidence.formats.errors import UntrustedIssuerError
from exhibit.config import values
from exhibit.config.anchors import AnchorConfig
from exhibit.digests import Digest
from exhibit.errors import IntegrityError

if TYPE_CHECKING:
    import requests

    from evidence.anchors.cosignature.anchor import LogWitnessAnchor
    from exhibit.ports import OwnLog


_VERIFIER_KEY = r"[!-*,-~]{1,200}\+[0-9a-f]{8}\+B[A-Za-z0-9+/]{43}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CosignatureConfig(AnchorConfig):
    """Settings of a log witness.

    Attributes:
        key: Required: public key of the log witness, such as `witness.example+5ad1f2b3+BA…`, from its operator.
    """

    key: str = values.setting(
        "", values.build_pattern_parser(_VERIFIER_KEY, "{} is not a log witness key: name+8 hex digits+base64")
    )

    @property
    def faults(self) -> dict[str, object]:
        """Possible errors in the settings; an error exists if its value is true."""
        return {
            "key is missing; set it to the public key of the log witness": not self.key,
            "urls contains more than one URL; give each a table of its own": self.urls[1:],
        }


@dataclass(frozen=True, slots=True)
class TrustedWitness:
    """A pinned log witness (C2SP tlog-cosignature)."""

    name: str  # name in results
    vkey: str  # its public key, in the form ``name+key id+base64``
    development: bool  # true for a development witness
    label: str  # label that results show for a development witness


def build(config: CosignatureConfig, session: "requests.Session", log: "OwnLog | None") -> "LogWitnessAnchor":
    """Build the client of a log witness."""
    from evidence.anchors.cosignature.anchor import LogWitnessAnchor

    return LogWitnessAnchor(
        config.name, config.urls[0], config.key, log, development=config.development, session=session
    )


def verify(
    digest: Digest, proof: bytes, material: Material, witnesses: Sequence[TrustedWitness], subject: str
) -> Attestation:
    """Verify a cosignature by a pinned log witness of the checkpoint whose text has this digest.

    The receipt is that text with the cosignature appended as a line.
    """
    from evidence.log.notes import parse_note, verify_cosignature

    del material
    try:
        text = proof.decode("utf-8")
    except UnicodeDecodeError:
        raise IntegrityError("The cosigned checkpoint is not UTF-8.") from None
    note = parse_note(text)
    own_text = text[: text[:-1].rfind("\n") + 1]
    if Digest.from_bytes(own_text.encode()) != digest:
        raise IntegrityError("The cosignature is for a different checkpoint.")
    for witness in witnesses:
        try:
            time = verify_cosignature(note, witness.vkey)
        except UntrustedIssuerError:
            continue
        sentence = f"{witness.name} cosigned the {subject} of {note.size} entries at {format_time(time)}."
        return Attestation(sentence, time, witness.name, witness.label if witness.development else "")
    raise UntrustedIssuerError(f"a log witness with the name {note.signatures[-1].name[:80]!a}.")


def build_pins(
    configs: Sequence[CosignatureConfig], _receipts: object, label: str, _development_label: str
) -> tuple[TrustedWitness, ...]:
    """Build the pins of the log witnesses in the operator's settings."""
    return tuple(TrustedWitness(config.name, config.key, config.development, label) for config in configs)


KIND = AnchorKind(
    name="cosignature",
    description=gettext_noop("log witness (C2SP)"),
    config=CosignatureConfig,
    build=build,
    trust_field="cosigners",
    verify=verify,
    build_pins=build_pins,
    suffix=".cosigned",
    check_instructions=(
        "head -n -1 {name} | cmp - checkpoint",
        (
            "(the last line of {name} is the signature of the log witness over the checkpoint; see "
            "docs/reference/verify-by-hand.md)"
        ),
    ),
    usual_response_time=timedelta(minutes=1),
)
