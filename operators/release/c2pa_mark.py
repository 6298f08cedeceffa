"""The mark: a C2PA manifest in each mp4 that says a model made the people in it, or all of it.

C2PA's action `c2pa.created` with one of IPTC's digital source types. The manifest holds that and nothing else: no name,
no thumbnail, no ingredient, no time. Everything happens offline: no time-stamp authority and no revocation list is
asked. Its identifiers are random, so marking the same video twice gives different bytes.
"""

import hashlib
import io
import json
import re
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import c2pa
import numpy as np
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from operators.release.c2pa_layout import has_room
from operators.video.encode import encode_video
from operators.video.mp4_boxes import marks
from schemas.certificate import Variant, generated
from schemas.clip import CandidateClip
from schemas.errors import UserError

_IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"
SOURCE_TYPES: dict[Variant, str] = {
    "structhuman": f"{_IPTC}compositeWithTrainedAlgorithmicMedia",  # filmed scenery, generated people
    "structall": f"{_IPTC}trainedAlgorithmicMedia",
}
_ACTIONS, _HASH = "c2pa.actions.v2", "c2pa.hash.bmff.v3"
_OFFLINE = {
    "builder": {"thumbnail": {"enabled": False}, "auto_timestamp_assertion": {"enabled": False}},
    "verify": {"verify_trust": False, "remote_manifest_fetch": False, "ocsp_fetch": False},
}
# What a manifest of ours has, as the reader tells it; a title, a thumbnail or an ingredient would be one more.
_FIELDS = {"label", "instance_id", "claim_version", "claim_generator_info", "assertions", "signature_info"}
_NAMES = re.compile(r"(urn:c2pa|xmp[.:]iid):[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # random, and no more
_SIGNED = {"alg", "issuer", "common_name", "cert_serial_number"}
# Of the file what is not hashed: the manifest's own box, and those of which operators/video/mp4_boxes.py lets none hold
# anything.
_UNHASHED: list[dict[str, Any]] = [{"xpath": f"/{name}"} for name in ("ftyp", "mfra", "free", "skip")]
_UNHASHED += [{"xpath": "/uuid", "data": [{"offset": 8, "value": "2P7D1hsOSDySl1goh37EgQ=="}]}]
_HASHED, _LIBRARY = {"alg": "sha256", "name": "jumbf manifest"}, "org.contentauth.c2pa_rs"


@dataclass(frozen=True)
class Marker:
    """Marks with the key in the PEM file `key`, of the certificate that comes first in the PEM file `chain`.

    Only the files' paths travel to workers, who read them themselves. `digest` is the chain's sha256 in hex.
    """

    chain: str
    key: str = field(repr=False)
    digest: str

    @staticmethod
    def of(chain: str, key: str) -> "Marker":
        """Raises UserError unless the two can mark a video so that it can be read back."""
        paths = [str(Path(path).expanduser().absolute()) for path in (chain, key)]
        try:
            digest = hashlib.sha256(Path(paths[0]).read_bytes()).hexdigest()
            marker = Marker(paths[0], paths[1], digest)
            frames = np.zeros((2, 16, 16, 3), np.uint8)
            probe = encode_video(frames, [0, 1], Fraction(1, 10), Fraction(10), 30, "ultrafast")
            wrong = faults(marker.mark(probe, "structhuman"), "structhuman")
        except OSError as error:
            raise UserError(str(error.filename), f"cannot be read ({error.strerror})", _REMEDY) from None
        except (TypeError, ValueError):
            raise UserError(key, "is no unencrypted private key in PEM that C2PA knows", _REMEDY) from None
        except c2pa.C2paError as error:
            raise UserError(chain, f"cannot mark with it ({type(error).__name__})", _REMEDY) from None
        if wrong:
            raise UserError(chain, f"gives marks that do not hold: {', '.join(wrong)}", _REMEDY)
        return marker

    def __call__(self, clip: CandidateClip) -> CandidateClip:
        """The clip with its video marked; a reviewer's acceptance of the video is one of the marked video, too.

        A clip without generated content passes by: to mark it would be false. Raises what c2pa raises.
        """
        if not generated(clip.tracks, clip.evidence.steps):
            return clip
        video = self.mark(clip.video, clip.evidence.variant)
        before, after = (hashlib.sha256(data).hexdigest() for data in (clip.video, video))
        steps = [
            replace(step, output_sha256=after)
            if step.name == "accept" and step.output_sha256 == before
            else step
            for step in clip.evidence.steps
        ]
        return replace(clip, video=video, evidence=replace(clip.evidence, steps=steps))

    def mark(self, video: bytes, variant: Variant) -> bytes:
        """mp4 -> the same mp4 with a manifest. Raises ValueError for a key of a kind that C2PA does not know."""
        action = {"action": "c2pa.created", "digitalSourceType": SOURCE_TYPES[variant]}
        manifest = {
            "claim_generator_info": [{"name": "Recast"}],
            "format": "video/mp4",
            "assertions": [{"label": _ACTIONS, "data": {"actions": [action]}}],
        }
        private, marked = Path(self.key).read_bytes(), io.BytesIO()
        info = c2pa.C2paSignerInfo(_algorithm(private), Path(self.chain).read_bytes(), private, None)
        with (
            c2pa.Context.from_dict(_OFFLINE) as context,
            c2pa.Signer.from_info(info) as signer,
            c2pa.Builder(manifest, context) as builder,
        ):
            builder.sign(signer, "video/mp4", io.BytesIO(video), marked)
        return marked.getvalue()


_REMEDY = "Give a chain of PEM certificates for signing content, the signer's first, and its private key"


def faults(video: bytes, variant: Variant) -> list[str]:
    """What is wrong with the mark of an mp4, in words; empty if it is exactly what `Marker` writes, and holds.

    That a chain leads to somebody whom anybody trusts is not asked.
    """
    try:
        with c2pa.Context.from_dict(_OFFLINE) as context:
            reader = c2pa.Reader.try_create("video/mp4", io.BytesIO(video), context=context)
            if reader is None:
                return ["holds no C2PA manifest"]
            with reader:
                found: dict[str, Any] = json.loads(reader.json())
    except c2pa.C2paError as error:
        return [f"holds a C2PA manifest that cannot be read ({type(error).__name__})"]
    made = list(found["manifests"].values())
    if found.get("validation_state") not in ("Valid", "Trusted"):
        return ["holds a C2PA manifest that is not valid"]
    if len(made) != 1:
        return ["holds more than one C2PA manifest"]
    held = {assertion["label"]: assertion["data"] for assertion in made[0]["assertions"]}
    action = {"action": "c2pa.created", "digitalSourceType": SOURCE_TYPES[variant]}
    wrong = []
    if held.get(_ACTIONS) != {"actions": [action]}:
        wrong.append("holds a C2PA manifest that says something else of its origin")
    foreign = [*(set(made[0]) - _FIELDS), *(set(made[0]["signature_info"]) - _SIGNED)]
    foreign += set(held) - {_ACTIONS, _HASH}
    generators = made[0]["claim_generator_info"]
    foreign += [name for info in generators for name in set(info) - {"name", _LIBRARY}]
    foreign += [str(info.get("name")) for info in generators if info.get("name") != "Recast"]
    versions = (str(info.get(_LIBRARY, "0.0.0")) for info in generators)
    foreign += [one for one in versions if not re.fullmatch(r"\d{1,4}\.\d{1,4}\.\d{1,4}", one)]
    foreign += _unhashed(held.get(_HASH, {}))
    foreign += [made[0][name] for name in ("label", "instance_id") if not _NAMES.fullmatch(made[0][name])]
    if foreign or len(generators) != 1 or len(made[0]["assertions"]) != 2:
        wrong.append(f"holds a C2PA manifest with more than it needs: {', '.join(sorted(foreign))}")
    if any(has_room(content) for content in marks(video)):
        wrong.append("holds a C2PA manifest with bytes that are under no signature")
    return wrong


def _unhashed(held: dict[str, Any]) -> list[str]:
    """What the assertion of the file's hash says, or leaves out of the hash, that ours does not."""
    excluded = [part for part in held.get("exclusions", []) if part not in _UNHASHED]
    found = [str(part.get("xpath")) for part in excluded]
    return found + [
        f"{name} {value}"
        for name, value in held.items()
        if name not in ("exclusions", "hash") and value != _HASHED.get(name)
    ]


def _algorithm(private: bytes) -> str:
    """Raises ValueError or TypeError for what is no unencrypted private key, or of another kind."""
    key = serialization.load_pem_private_key(private, password=None)
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(key, rsa.RSAPrivateKey):
        return "ps256"
    curves = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in curves:
        return curves[key.curve.name]
    raise ValueError("unknown kind of key")
