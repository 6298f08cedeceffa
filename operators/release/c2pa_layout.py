"""Is every byte of a C2PA manifest signed, hashed or due? Its reader looks only at what it knows.

The box of BMFF, JUMBF's boxes (ISO/IEC 19566-5) and the padding of the signature (COSE) are under no signature.
"""

import re
from collections.abc import Iterator

_JUMBF = bytes.fromhex("00110010800000aa00389b71")
_URN = rb"urn:c2pa:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_LABELS = [(b"c2pa", b"c2pa"), (b"c2ma", _URN), (b"c2as", rb"c2pa\.assertions")]
_LABELS += [(b"cbor", b""), (b"cbor", b""), (b"c2cl", rb"c2pa\.claim\.v2"), (b"c2cs", rb"c2pa\.signature")]
# Boxes as they are nested: two assertions, of which the claim has hashes, the claim and its signature.
_SHAPE = "jumb(jumd jumb(jumd jumb(jumd jumb(jumd cbor )jumb(jumd cbor ))jumb(jumd cbor )jumb(jumd cbor )))"


def has_room(content: bytes) -> bool:
    """Whether a uuid box, of which this is the content, holds a byte that nobody vouches for."""
    if content[16:37] != bytes(4) + b"manifest\0" + bytes(8):
        return True
    try:
        boxes = list(_boxes(content[37:]))
        if "".join(name for name, _ in boxes) != _SHAPE:
            return True
        described = [held for name, held in boxes if name == "jumd "]
        assertions = {3, 4}
        for number, ((kind, label), held) in enumerate(zip(_LABELS, described, strict=True)):
            due = re.escape(kind + _JUMBF + b"\3") + label + rb"\0"
            if number not in assertions and not re.fullmatch(due, held):
                return True
        return not _is_plain([held for name, held in boxes if name == "cbor "][-1])
    except (IndexError, ValueError):
        return True


def _boxes(data: bytes) -> Iterator[tuple[str, bytes]]:
    """`jumb(`, `)`, and each other box with a blank behind its name and with its content."""
    at = 0
    while at < len(data):
        size, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8].decode("ascii")
        if size < 8 or at + size > len(data):
            raise ValueError("no box")
        held = data[at + 8 : at + size]
        if name == "jumb":
            yield "jumb(", b""
            yield from _boxes(held)
            yield ")", b""
        else:
            yield f"{name} ", held
        at += size


def _is_plain(cose: bytes) -> bool:
    """COSE_Sign1: protected header, `pad` of zeros alone as the other, no payload, the signature, and no byte more."""
    if cose[:2] != b"\xd2\x84":
        return False
    _, at = _bytes(cose, 2)
    if cose[at : at + 1] == b"\xa1" and cose[at + 1 : at + 5] == b"\x63pad":
        padding, at = _bytes(cose, at + 5)
        if padding.strip(b"\0"):
            return False
    elif cose[at : at + 1] == b"\xa0":
        at += 1
    else:
        return False
    return cose[at : at + 1] == b"\xf6" and _bytes(cose, at + 1)[1] == len(cose)


def _bytes(data: bytes, at: int) -> tuple[bytes, int]:
    """A byte string of CBOR, and where it ends. Raises ValueError, and IndexError where nothing is."""
    size, head = data[at] - 0x40, 1
    if 24 <= size < 27:
        head = 1 + 2 ** (size - 24)
        size = int.from_bytes(data[at + 1 : at + head], "big")
    if not 0 <= size <= len(data) - at - head:
        raise ValueError("no byte string")
    return data[at + head : at + head + size], at + head + size
