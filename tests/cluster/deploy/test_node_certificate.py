"""Ray's nodes know each other by certificates of one authority, each for its own address, and by no other."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

ROOT = Path(__file__).parents[3]


def authority(folder: Path) -> Path:
    """As `openssl req -x509` makes one, under the names that a secret of Kubernetes has."""
    folder.mkdir()
    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ray")]),
    )
    now, public = datetime.now(UTC), key.public_key()
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(
            x509.KeyUsage(False, False, False, False, False, True, True, False, False), critical=True
        )
        .sign(key, hashes.SHA256())
    )
    (folder / "tls.crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "tls.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
    return folder


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the init container leaves of the pod with the address 10.0.0.7."""
    folder = tmp_path_factory.mktemp("node")
    target = folder / "tls"
    target.mkdir()
    command = [
        sys.executable,
        "-m",
        "cluster.deploy.node_certificate",
        str(authority(folder / "ca")),
        str(target),
    ]
    subprocess.run(command, cwd=ROOT, env=os.environ | {"POD_IP": "10.0.0.7"}, check=True)
    return target


def trusted(tls: Path, address: str, ca: Path | None = None) -> bool:
    known = Store([x509.load_pem_x509_certificate((ca or tls / "ca.crt").read_bytes())])
    leaf = x509.load_pem_x509_certificate((tls / "tls.crt").read_bytes())
    verifier = PolicyBuilder().store(known).build_server_verifier(x509.IPAddress(ip_address(address)))
    try:
        return bool(verifier.verify(leaf, []))
    except VerificationError:
        return False


def test_a_node_is_who_it_says_at_its_own_address_alone(tls: Path, tmp_path: Path) -> None:
    assert trusted(tls, "10.0.0.7") and trusted(tls, "127.0.0.1") and not trusted(tls, "10.0.0.8")
    other = authority(tmp_path / "other")
    assert not trusted(tls, "10.0.0.7", other / "tls.crt")


def test_the_authoritys_key_stays_where_it_is_and_the_nodes_own_is_its_owners(tls: Path) -> None:
    assert {path.name for path in tls.iterdir()} == {"tls.crt", "tls.key", "ca.crt"}
    assert (tls / "tls.key").read_bytes() != (tls.parent / "ca/tls.key").read_bytes()
    assert (tls / "tls.key").stat().st_mode & 0o077 == 0
