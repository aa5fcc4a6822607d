"""Declaration of witnesses of the log, and the offline check of their cosignatures."""

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

    from evidence.anchors.cosignature.anchor import WitnessAnchor
    from exhibit.ports import OwnLog


_KEY = r"[!-*,-~]{1,200}\+[0-9a-f]{8}\+B[A-Za-z0-9+/]{43}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CosignatureConfig(AnchorConfig):
    """Settings of a witness of the log.

    Attributes:
        key: Required: its public key, such as `witness.example+5ad1f2b3+BA…`, from its operator.
    """

    key: str = values.setting("", values.matching(_KEY, "{} is not a witness's key: name+8 hexadecimal digits+base64"))

    @property
    def faults(self) -> dict[str, object]:
        """Possible faults of the settings, each with a value that is true if it applies."""
        return {
            "key, the public key of the witness, is missing": not self.key,
            "urls names more than one; give each a table of its own": self.urls[1:],
        }


@dataclass(frozen=True, slots=True)
class TrustedWitness:
    """A witness of logs (C2SP tlog-cosignature)."""

    name: str  # name in results
    vkey: str  # its public key, in the form ``name+key id+base64``
    development: bool  # true if it is for development, which results then state
    label: str  # label that results show for a development witness


def build(config: CosignatureConfig, session: "requests.Session", log: "OwnLog | None") -> "WitnessAnchor":
    """Return the adapter of a witness."""
    from evidence.anchors.cosignature.anchor import WitnessAnchor

    return WitnessAnchor(config.name, config.urls[0], config.key, log, development=config.development, session=session)


def verify(
    digest: Digest, proof: bytes, material: Material, pinned: Sequence[TrustedWitness], what: str
) -> Attestation:
    """Verify a cosignature by a pinned witness on the checkpoint whose text has this digest.

    The receipt is that text with the cosignature as an additional line.
    """
    from evidence.log.notes import parse_note, verify_cosignature

    del material
    try:
        text = proof.decode("utf-8")
    except UnicodeDecodeError:
        raise IntegrityError("The cosigned checkpoint is not UTF-8.") from None
    note = parse_note(text)
    own_text = text[: text[:-1].rfind("\n") + 1]
    if Digest.of(own_text.encode()) != digest:
        raise IntegrityError("The cosignature is for a different checkpoint.")
    for witness in pinned:
        try:
            time = verify_cosignature(note, witness.vkey)
        except UntrustedIssuerError:
            continue
        sentence = f"{witness.name} cosigned the {what} of {note.size} entries at {format_time(time)}."
        return Attestation(sentence, time, witness.name, witness.label if witness.development else "")
    raise UntrustedIssuerError(f"no log witness is pinned with the name {note.signatures[-1].name[:80]!a}.")


def vouch(
    configured: Sequence[CosignatureConfig], _receipts: object, label: str, _trials: str
) -> tuple[TrustedWitness, ...]:
    """Return the witnesses with the keys in the operator's settings."""
    return tuple(
        TrustedWitness(witness_config.name, witness_config.key, witness_config.development, label)
        for witness_config in configured
    )


KIND = AnchorKind(
    name="cosignature",
    words=gettext_noop("log witness (C2SP)"),
    config=CosignatureConfig,
    build=build,
    pins="cosigners",
    verify=verify,
    vouch=vouch,
    suffix=".cosigned",
    how_to_check=(
        "head -n -1 {name} | cmp - checkpoint",
        (
            "(the last line of {name} is the signature of the log witness over the checkpoint; see "
            "docs/reference/verify-by-hand.md)"
        ),
    ),
    usual=timedelta(minutes=1),
)
