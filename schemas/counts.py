"""Whether a certificate's numbers can be those of any clip."""

from schemas.certificate import Certificate, filled

COUNTS = ("people", "regenerated", "filled", "frames_masked", "frames_painted")
_MOST = 1 << 20


def miscounted(certificate: Certificate, overlap: int) -> list[str]:
    """How it counts what cannot be, of a clip with `overlap` frames of context before it; empty if it can be.

    Who shows in those frames alone has a track and counts, though no released frame is masked.
    """
    counts = [getattr(certificate, name) for name in (*COUNTS, "tracks", "diffusion_calls")]
    anew, tracks, masked = (
        certificate.treatment == "regenerate",
        certificate.tracks,
        certificate.frames_masked,
    )
    made = certificate.regenerated or certificate.diffusion_calls
    table = [
        (
            certificate.people != certificate.regenerated + certificate.filled,
            "other people than those regenerated or filled",
        ),
        (min(counts) < 0 or max(counts) > _MOST, "what cannot be"),
        (max(masked, certificate.frames_painted) > certificate.frames, "more frames than it has"),
        (made and filled(certificate.steps), "what was generated, though all was filled"),
        ((made or tracks) and not anew, "what was generated, though people were treated otherwise"),
        (made and not tracks, "what was generated of nobody and nothing"),
        (anew and masked and not tracks, "masked frames, though there was nobody and nothing"),
        ((certificate.people or tracks) and not masked and not overlap, "whoever shows in no masked frame"),
        (
            certificate.variant == "structall" and not (tracks and masked == certificate.frames),
            "less than the whole scene",
        ),
    ]
    return [f"counts {what}" for wrong, what in table if wrong]
