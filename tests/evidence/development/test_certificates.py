"""Test that the development authority's certificates are marked as trials, and match its address."""

from pathlib import Path

from cryptography import x509

from evidence.development.certificates import load_hierarchy


def get_revocation_url(certificate: x509.Certificate) -> str:
    [point] = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    assert point.full_name is not None
    return str(point.full_name[0].value)


def test_development_certificates_state_that_they_have_no_legal_weight(tmp_path: Path) -> None:
    hierarchy = load_hierarchy(tmp_path, "http://127.0.0.1:9")
    for holder in (hierarchy.root, hierarchy.issuing, hierarchy.unit):
        assert "no legal weight" in holder.certificate.subject.rfc4514_string()
        holder.certificate.verify_directly_issued_by(
            (hierarchy.root if holder is not hierarchy.unit else hierarchy.issuing).certificate
        )


def test_new_url_recreates_all_certificates_except_root(tmp_path: Path) -> None:
    first = load_hierarchy(tmp_path, "http://127.0.0.1:9")
    again, moved = (load_hierarchy(tmp_path, f"http://127.0.0.1:{port}") for port in (9, 10))
    assert (again.root.der, again.issuing.der, again.unit.der) == (first.root.der, first.issuing.der, first.unit.der)
    assert moved.root.der == first.root.der
    assert (
        get_revocation_url(moved.unit.certificate)
        == "http://127.0.0.1:10/issuing.crl"
        != get_revocation_url(first.unit.certificate)
    )
    assert x509.load_der_x509_crl(moved.issuing_crl).is_signature_valid(moved.issuing.key.public_key())


def test_key_files_are_private(tmp_path: Path) -> None:
    load_hierarchy(tmp_path, "http://127.0.0.1:9")
    assert {path.name: path.stat().st_mode & 0o077 for path in tmp_path.glob("*.key")} == dict.fromkeys(
        ("root.key", "issuing.key", "unit.key"), 0
    )
