"""Trust lists in which one key has two roles or two names."""

from dataclasses import replace
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from evidence.anchors.cosignature.kind import TrustedWitness
from evidence.log.notes import format_cosigner_key, format_verifier_key, parse_verifier_key
from evidence.verdict.trust import Trust, TrustedKey, TrustedLog


def conflicting_trust_lists(trust: Trust) -> dict[str, tuple[Trust, tuple[str, str]]]:
    """Return conflicting trust lists by conflict, each with the two lines that the error must name.

    Args:
        trust: A list with one log and one owner's key, from which the others are made.
    """
    [log], [key] = trust.logs, trust.keys
    name, logs_own = parse_verifier_key(log.vkey)
    friend, other = (Ed25519PrivateKey.generate().public_key().public_bytes_raw() for _ in range(2))

    def witness(called: str, vkey_name: str, public: bytes) -> TrustedWitness:
        return TrustedWitness(called, format_cosigner_key(vkey_name, public), development=True, label="trial")

    def partner(vkey_name: str, public: bytes, operator: str) -> TrustedLog:
        return TrustedLog(format_verifier_key(vkey_name, public), development=True, label="trial", operator=operator)

    def pin(owner: str, public: bytes, **more: object) -> TrustedKey:
        return replace(TrustedKey(owner, public, development=True, label="trial"), **more)  # type: ignore[arg-type]

    two = (witness("A", "a/w", friend), witness("B", "b/w", friend))
    since = datetime(2026, 11, 20, tzinfo=UTC)
    return {
        "two cosigners": (replace(trust, cosigners=two), ("cosigners 1", "cosigners 2")),
        "the log as witness": (replace(trust, cosigners=(witness("A", name, logs_own),)), ("logs 1", "cosigners 1")),
        "the owner as witness": (
            replace(trust, cosigners=(witness("A", "a/w", key.public),)),
            ("cosigners 1", "keys 1"),
        ),
        "the log as partner": (replace(trust, partners=(partner("p/log", logs_own, "P"),)), ("logs 1", "partners 1")),
        "a partner twice": (
            replace(trust, partners=(partner("p/log", friend, "P"), partner("q/log", friend, "Q"))),
            ("partners 1", "partners 2"),
        ),
        "a partner as witness": (
            replace(trust, partners=(partner("p/log", friend, "P"),), cosigners=two[:1]),
            ("partners 1", "cosigners 1"),
        ),
        "two owners": (replace(trust, keys=(key, pin("Another", key.public))), ("keys 1", "keys 2")),
        "sealing and device": (
            replace(trust, keys=(key, pin(key.owner, key.public, use="device"))),
            ("keys 1", "keys 2"),
        ),
        "pinned and revoked": (
            replace(trust, keys=(key, pin("O", other), pin("O", other, revoked=since))),
            ("keys 2", "keys 3"),
        ),
        "two operators": (
            replace(trust, logs=(replace(log, operator="A"), replace(log, operator="B"))),
            ("logs 1", "logs 2"),
        ),
    }
