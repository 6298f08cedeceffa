"""Signatures: who vouches for a certificate, and for a dataset as a whole. Ed25519 (RFC 8032).

What is signed is a line that says what it is, then the statement as JSON with sorted keys, no spaces and ASCII only, so
a signature of a certificate can never pass for one of something else. Signatures are base64.
"""

import base64
import hashlib
import json
import shlex
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from schemas.errors import UserError

Kind = Literal["certificate", "shard", "ladder", "probe"]
CALLS, PAUSE, PATIENCE = 6, 1.0, 60.0  # calls of a command; s before the second, doubling; s for each


class NotSigned(Exception):
    """The key or the command gave no signature that fits the public key. The message holds nothing of either."""


@dataclass(frozen=True)
class Signer:
    """Signs with a private key that stays where it is: in a PEM file, or behind a command such as a KMS's client.

    Only the file's path or the command travels to workers, who read or run it themselves. The command gets the message
    on standard input and answers with the signature, as 64 bytes or as base64. `public_key` is PEM.
    """

    public_key: str
    file: str = field(default="", repr=False)
    command: str = field(default="", repr=False)

    @staticmethod
    def of_file(path: str) -> "Signer":
        """Raises UserError unless `path` holds an unencrypted Ed25519 private key in PEM."""
        absolute = str(Path(path).expanduser().absolute())
        pem = _private_key(absolute).public_key().public_bytes(*_PUBLIC_PEM)
        return Signer(pem.decode(), file=absolute)

    @staticmethod
    def of_command(command: str, public_key: str) -> "Signer":
        """`public_key` is PEM. Raises UserError unless the command signs so that the key confirms it."""
        signer = Signer(public_key, command=command)
        try:
            signer.sign("probe", {}, calls=1)
        except NotSigned as error:
            remedy = (
                "Run it by hand: the message comes on standard input, the signature goes to standard output"
            )
            raise UserError("--key-command", str(error), remedy) from None
        return signer

    def sign(self, kind: Kind, statement: dict[str, Any], calls: int = CALLS) -> str:
        """Base64 of the signature, for which a command is called so often at most.

        Raises NotSigned unless it fits the public key, UserError as `of_file` does.
        """
        return self.sign_bytes(canonical(kind, statement), calls)

    def sign_bytes(self, message: bytes, calls: int = CALLS) -> str:
        """The same of a message that says itself what it is, as DSSE's do."""
        if self.file:
            signature = _private_key(self.file).sign(message)
        else:
            signature = _patiently(lambda: _run(self.command, message), calls)
        made = base64.b64encode(signature).decode()
        if not verifies(message, made, self.public_key):
            raise NotSigned("does not give Ed25519 signatures that fit the public key")
        return made

    def has_signed(self, kind: Kind, statement: dict[str, Any], signature: Any) -> bool:
        """Whether `signature` is one by this key."""
        return is_signed(kind, statement, signature, self.public_key)


def canonical(kind: Kind, statement: dict[str, Any]) -> bytes:
    """The bytes that are signed. Raises ValueError for NaN and infinity."""
    text = json.dumps(statement, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return f"recast {kind}\n{text}".encode()


def is_signed(kind: Kind, statement: dict[str, Any], signature: Any, public_key: str) -> bool:
    """Whether `signature` (base64; anything else is none) is the statement's by `public_key` (PEM)."""
    try:
        return verifies(canonical(kind, statement), signature, public_key)
    except ValueError:
        return False


def verifies(message: bytes, signature: Any, public_key: str) -> bool:
    """Whether `signature` (base64; anything else is none) is the message's by `public_key` (PEM)."""
    try:
        raw = base64.b64decode(signature, validate=True)
        if base64.b64encode(raw).decode() != signature:
            return False
        _public_key(public_key).verify(raw, message)
    except (InvalidSignature, TypeError, ValueError):
        return False
    return True


def shard_holds(stats: dict[str, Any], public_key: str, settings: dict[str, str]) -> bool:
    """Whether a shard's stats were signed by `public_key` (PEM) when it was committed, in a run with these settings.

    They hold the digests of all its files, and so of every member of every clip. Without a key they must not be signed.
    """
    if not public_key:
        return "signature" not in stats
    statement = {name: value for name, value in stats.items() if name != "signature"}
    signed = is_signed("shard", statement, stats.get("signature"), public_key)
    return signed and stats.get("settings") == settings


def read_public_key(path: str) -> str:
    """The Ed25519 public key in the PEM file `path`, as PEM in its usual form. Raises UserError."""
    try:
        return usual_form(Path(path).expanduser().read_text())
    except OSError as error:
        raise UserError(path, f"cannot be read ({error.strerror})", "Give a public key in PEM") from None
    except ValueError:
        remedy = "Make it with: openssl pkey -in key.pem -pubout -out public.pem"
        raise UserError(path, "is no Ed25519 public key in PEM", remedy) from None


def usual_form(public_key: str) -> str:
    """The PEM without whatever else may stand before, behind and between its lines. Raises ValueError."""
    return _public_key(public_key).public_bytes(*_PUBLIC_PEM).decode()


def fingerprint(public_key: str) -> str:
    """sha256 in hex of the key's DER, as `openssl pkey -pubin -in public.pem -outform DER | sha256sum` gives it."""
    der = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return hashlib.sha256(_public_key(public_key).public_bytes(*der)).hexdigest()


_PUBLIC_PEM = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo


def _public_key(pem: str) -> Ed25519PublicKey:
    """Raises ValueError for anything but an Ed25519 public key."""
    key = serialization.load_pem_public_key(pem.encode())
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("not an Ed25519 key")
    return key


def _private_key(path: str) -> Ed25519PrivateKey:
    remedy = "Make one with: openssl genpkey -algorithm ed25519 -out key.pem"
    try:
        key = serialization.load_pem_private_key(Path(path).read_bytes(), password=None)
    except OSError as error:
        raise UserError(path, f"cannot be read ({error.strerror})", remedy) from None
    except (TypeError, ValueError):  # of an encrypted key, and of no key; neither message is passed on
        raise UserError(path, "is no unencrypted private key in PEM", remedy) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise UserError(path, "is not an Ed25519 key", remedy)
    return key


def _patiently(call: Callable[[], bytes], calls: int) -> bytes:
    """A service may be away for a moment; clips that took minutes of GPU time are not given up for that."""
    for number in range(calls - 1):
        try:
            return call()
        except NotSigned:
            time.sleep(PAUSE * 2**number)
    return call()


def _run(command: str, message: bytes) -> bytes:
    """Its standard error is not passed on: it may quote what it was called with."""
    try:
        done = subprocess.run(
            shlex.split(command), input=message, capture_output=True, timeout=PATIENCE, check=False
        )
    except (IndexError, OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise NotSigned(f"cannot be run ({type(error).__name__})") from None
    if done.returncode:
        raise NotSigned(f"ended with status {done.returncode}")
    if len(done.stdout) == 64:
        return done.stdout
    try:
        return base64.b64decode(done.stdout.strip(), validate=True)
    except ValueError:
        raise NotSigned("gave neither 64 bytes nor base64") from None
