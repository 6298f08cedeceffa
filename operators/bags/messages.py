"""One message of a bag, whatever kind of bag it is."""

import hashlib
from dataclasses import dataclass

from operators.bags.forms import BagChannel, Form, Malformed, PictureMessage, form_of


@dataclass(frozen=True)
class BagMessage:
    """`log_time` and `publish_time` in nanoseconds; `data` as it is stored, None where it lies in a damaged chunk."""

    channel: BagChannel
    log_time: int
    publish_time: int
    data: bytes | None

    @property
    def digest(self) -> str:
        """blake2b-128 in hex of its data; empty without any."""
        return "" if self.data is None else hashlib.blake2b(self.data, digest_size=16).hexdigest()


def picture_of(message: BagMessage) -> tuple[Form, PictureMessage]:
    """What a message of a picture says. Raises Malformed if it is none, or none that is read."""
    form = form_of(message.channel)
    if form is None or message.data is None:
        raise Malformed("no picture")
    return form, form.read(message.data)
