"""Every gate that there is, and what it measures, in words and with its unit: no other words stand in certificates."""

MEASURES = {
    "nobody left": "confidence of a person outside the mask",
    "no face left": "confidence of a face outside the mask",
    "final look": "confidence of a person outside the mask, in another view of the source",
    "listed": "pixels of listed people that are not masked, and spared ones that no accepted consent is for",
    "mask grown": "times, as somebody was left outside it",
    "mark": "faults of the C2PA manifest",
    "frames": "frames more or fewer than the source's",
    "timestamps": "largest deviation from those due, s",
    "size": "pixels wider or higher than the source, in number or shape",
    "container": "streams other than one video, tags, boxes",
    "text": "similarity of a redacted string to one that is published, 1 is equal",
    "copy": "share of textured body area equal to the source",
    "blank": "largest share of a frame that is neither the source's nor generated",
    "conditioning container": "streams other than one video, tags, boxes",
    "conditioning copy": "share of textured body area equal to the source",
    "labels": "labels that are not of what was made anew",
    "content": "frames left empty",
    "black": "luma of the darkest frame",
    "frozen": "least motion / the source's",
    "body likeness": "cosine of who was there and who is shown",
    "head likeness": "cosine of who was there and who is shown",
    "disguise": "luma PSNR inside the mask, in the worst frame, to what the policy asks for, dB",
    "background": "luma PSNR outside the mask, dB",
    "nobody new": "confidence of a person outside the mask",
    "no new face": "confidence of a face outside the mask",
    "accepted": "videos that a reviewer accepted, other than this one",
}

# What no score is beyond: a confidence or a count below zero is a fault of whoever computed it, and passes any limit.
_COSINE = (-1.001, 1.001)  # as floating point has it
_RANGES = {
    "body likeness": _COSINE,
    "head likeness": _COSINE,
    "black": (0.0, 255.0),
    "frozen": (0.0, 1.0),
    "disguise": (0.0, 99.0),
    "background": (0.0, 99.0),
}


def possible(name: str, score: float) -> bool:
    """Whether the gate `name` can have this score; what is no number is left to whoever asks if it passed."""
    least, most = _RANGES.get(name, (0.0, float("inf")))
    return not (score < least or score > most)
