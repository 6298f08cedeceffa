"""A certificate for one Ray node: `python -m cluster.deploy.node_certificate CA TLS`, before Ray starts there.

CA is a folder with the cluster's own authority, tls.crt and tls.key as a secret of Kubernetes has them; TLS receives
tls.crt, tls.key and ca.crt for RAY_TLS_SERVER_CERT, RAY_TLS_SERVER_KEY and RAY_TLS_CA_CERT. Ray's nodes call each other
by address, so the certificate is for that of this one: POD_IP, or what the machine's name resolves to. Ray itself never
sees the authority's key.
"""

import os
import socket
import sys
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LASTS = timedelta(days=14)  # longer than a run may last: activeDeadlineSeconds in kuberay/anonymize.yaml


def write(authority: Path, target: Path, addresses: list[str]) -> None:
    """Sign a new key for these addresses, and write both. Raises OSError and ValueError for what is no authority."""
    signer = x509.load_pem_x509_certificate((authority / "tls.crt").read_bytes())
    signing = serialization.load_pem_private_key((authority / "tls.key").read_bytes(), None)
    if not isinstance(signing, ec.EllipticCurvePrivateKey):
        raise ValueError("the authority's key is not one of an elliptic curve")
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    names: list[x509.GeneralName] = [x509.IPAddress(ip_address(one)) for one in addresses]
    both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ray node")]))
        .issuer_name(signer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + LASTS)
        .add_extension(x509.SubjectAlternativeName([*names, x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.ExtendedKeyUsage(both), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(signing, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    files = {
        "tls.key": private,
        "tls.crt": made.public_bytes(serialization.Encoding.PEM),
        "ca.crt": signer.public_bytes(serialization.Encoding.PEM),
    }
    for name, data in files.items():
        (target / name).write_bytes(data)


if __name__ == "__main__":
    here = os.environ.get("POD_IP") or socket.gethostbyname(socket.gethostname())
    write(Path(sys.argv[1]), Path(sys.argv[2]), sorted({here, "127.0.0.1"}))
