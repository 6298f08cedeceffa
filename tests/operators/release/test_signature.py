"""Who holds the key can sign, who has its public half can tell, and the key itself shows up nowhere."""

import base64
import os
import pickle
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from operators.release import signature as sign
from operators.release.signature import NotSigned, Signer, canonical, fingerprint, is_signed, read_public_key
from schemas.errors import UserError
from tests.cluster.toy import make_ref, released
from tests.keys import CLIENT, make_key

CERTIFICATE = asdict(released(make_ref(2), b"video").certificate)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return make_key(tmp_path / "key.pem")


def client(key: Path, form: str) -> str:
    script = key.with_name("client.py")
    script.write_text(CLIENT)
    return f"{sys.executable} {script} {key} {form}"


def test_a_signature_fits_its_statement_kind_and_key_alone(key: Path, tmp_path: Path) -> None:
    signer = Signer.of_file(str(key))
    signature, public = signer.sign("certificate", CERTIFICATE), signer.public_key
    assert is_signed("certificate", CERTIFICATE, signature, public)
    assert is_signed("certificate", dict(reversed(CERTIFICATE.items())), signature, public)
    assert not is_signed("shard", CERTIFICATE, signature, public)
    assert not is_signed("certificate", CERTIFICATE | {"people": 2}, signature, public)
    other = read_public_key(str(make_key(tmp_path / "other.pem").with_suffix(".pub")))
    assert not is_signed("certificate", CERTIFICATE, signature, other)


@pytest.mark.parametrize("wrong", [None, "", "%%", "AAAA", 5, "é", ["x"]])
def test_what_is_no_signature_is_none(key: Path, wrong: object) -> None:
    assert not is_signed("certificate", CERTIFICATE, wrong, Signer.of_file(str(key)).public_key)
    assert not is_signed("certificate", CERTIFICATE, base64.b64encode(bytes(64)).decode(), "no key")


def test_openssl_agrees(key: Path, tmp_path: Path) -> None:
    """Whoever wants to check a certificate needs nothing of ours."""
    signer = Signer.of_file(str(key))
    (tmp_path / "message").write_bytes(canonical("certificate", CERTIFICATE))
    (tmp_path / "signature").write_bytes(base64.b64decode(signer.sign("certificate", CERTIFICATE)))
    (tmp_path / "public.pem").write_text(signer.public_key)
    command = "openssl pkeyutl -verify -pubin -inkey public.pem -rawin -in message -sigfile signature"
    done = subprocess.run(command.split(), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    command = "openssl pkey -pubin -in public.pem -outform DER | sha256sum"
    done = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == fingerprint(signer.public_key)


@pytest.mark.parametrize("form", ["raw", "base64"])
def test_a_command_signs_as_the_file_does(key: Path, form: str) -> None:
    public = read_public_key(str(key.with_suffix(".pub")))
    by_command = Signer.of_command(client(key, form), public)
    assert by_command.sign("certificate", CERTIFICATE) == Signer.of_file(str(key)).sign(
        "certificate", CERTIFICATE
    )


def test_a_command_with_another_key_is_found_before_anything_is_computed(key: Path, tmp_path: Path) -> None:
    public = read_public_key(str(make_key(tmp_path / "other.pem").with_suffix(".pub")))
    with pytest.raises(UserError, match="fit the public key"):
        Signer.of_command(client(key, "raw"), public)


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("false", "status 1"),
        ("nowhere-to-be-found", "FileNotFoundError"),
        ("echo '%'", "neither 64 bytes nor base64"),
        ("echo AAAA", "fit the public key"),
        ("", "cannot be run"),
        ("'", "cannot be run"),
    ],
)
def test_a_command_that_does_not_sign(key: Path, command: str, problem: str) -> None:
    with pytest.raises(UserError, match=problem):
        Signer.of_command(command, read_public_key(str(key.with_suffix(".pub"))))


def test_a_service_may_be_away_for_a_moment(
    key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign, "PAUSE", 0.0)
    flaky = tmp_path / "flaky.sh"
    flaky.write_text(f"test -e {tmp_path}/came || {{ touch {tmp_path}/came; exit 1; }}; {client(key, 'raw')}")
    signer = Signer(read_public_key(str(key.with_suffix(".pub"))), command=f"sh {flaky}")
    assert signer.sign("certificate", CERTIFICATE)
    with pytest.raises(NotSigned, match="status 1"):
        replace(signer, command="false").sign("certificate", CERTIFICATE)


def test_the_private_key_stays_in_its_file(key: Path) -> None:
    signer = Signer.of_file(os.path.relpath(key))
    secret = key.read_text().splitlines()[1]
    assert secret.encode() not in pickle.dumps(signer) and secret not in repr(signer)
    assert str(key) not in repr(signer)
    key.unlink()
    with pytest.raises(UserError, match=r"key\.pem: cannot be read"):
        pickle.loads(pickle.dumps(signer)).sign("certificate", CERTIFICATE)


def test_what_is_no_key_is_one_clear_line(key: Path, tmp_path: Path) -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (tmp_path / "ec.pem").write_bytes(other.private_bytes(*form, serialization.NoEncryption()))
    locked = other.private_bytes(*form, serialization.BestAvailableEncryption(b"secret"))
    (tmp_path / "locked.pem").write_bytes(locked)
    for path, problem in (
        ("ec.pem", "not an Ed25519 key"),
        ("locked.pem", "no unencrypted private key"),
        ("key.pub", "no unencrypted private key"),
        ("none.pem", "cannot be read"),
    ):
        with pytest.raises(UserError, match=problem):
            Signer.of_file(str(tmp_path / path))
    for path in ("key.pem", "ec.pem"):
        with pytest.raises(UserError, match="no Ed25519 public key"):
            read_public_key(str(tmp_path / path))
