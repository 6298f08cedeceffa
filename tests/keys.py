"""Keys and certificates made for a test, as openssl would make them."""

import sys
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# What a KMS's client does, as a script: message in, signature out.
CLIENT = """
import base64, sys
from cryptography.hazmat.primitives.serialization import load_pem_private_key
signature = load_pem_private_key(open(sys.argv[1], "rb").read(), None).sign(sys.stdin.buffer.read())
sys.stdout.buffer.write(signature if sys.argv[2] == "raw" else base64.b64encode(signature) + b"\\n")
"""
Private = Ed25519PrivateKey | EllipticCurvePrivateKey | RSAPrivateKey


def make_key(path: Path) -> Path:
    """A new Ed25519 private key in PEM at `path`, and its public key beside it as `.pub`."""
    key = Ed25519PrivateKey.generate()
    path.write_bytes(private_pem(key))
    public = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    path.with_suffix(".pub").write_bytes(key.public_key().public_bytes(*public))
    return path


def private_pem(key: Private) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def make_chain(folder: Path, key: Private | None = None) -> tuple[Path, Path]:
    """A certificate for signing content with that of its authority, and its key: paths of the two PEM files."""
    authority, key = Ed25519PrivateKey.generate(), key or Ed25519PrivateKey.generate()
    chain, private = folder / "chain.pem", folder / "c2pa.pem"
    leaf = _certificate("Leaf", key, "Authority", authority, 2)
    root = _certificate("Authority", authority, "Authority", authority, 1)
    chain.write_bytes(b"".join(made.public_bytes(serialization.Encoding.PEM) for made in (leaf, root)))
    private.write_bytes(private_pem(key))
    return chain, private


def make_signer_and_marker(folder: Path) -> None:
    """All that `signed_and_marked` names: key.pem and key.pub, chain.pem and c2pa.pem, and the command kms.py."""
    make_key(folder / "key.pem")
    make_chain(folder)
    (folder / "kms.py").write_text(CLIENT)


def signed_and_marked(folder: Path) -> list[str]:
    """Options of jobs.anonymize: four to sign by a command, and four to mark."""
    command = f"{sys.executable} {folder}/kms.py {folder}/key.pem base64"
    signer = ["--key-command", command, "--public-key", f"{folder}/key.pub"]
    return [*signer, "--c2pa-certificate", f"{folder}/chain.pem", "--c2pa-key", f"{folder}/c2pa.pem"]


def _certificate(
    name: str, key: Private, issuer: str, authority: Ed25519PrivateKey, number: int
) -> x509.Certificate:
    root = key is authority
    usage = dict.fromkeys(("content_commitment", "key_encipherment", "data_encipherment"), False)
    usage |= dict.fromkeys(("key_agreement", "encipher_only", "decipher_only"), False)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(number)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2099, 1, 1, tzinfo=UTC))
        .add_extension(x509.BasicConstraints(root, None), True)
        .add_extension(
            x509.KeyUsage(digital_signature=True, key_cert_sign=root, crl_sign=root, **usage), True
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), False)
    )
    if not root:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False)
    return builder.sign(authority, None)


def _name(common: str) -> x509.Name:
    parts = ((NameOID.ORGANIZATION_NAME, "Test"), (NameOID.COMMON_NAME, common))
    return x509.Name([x509.NameAttribute(kind, value) for kind, value in parts])
