"""The LeRobot datasets among what is to be planned: each input that is one, and each that lies below an input."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from operators import storage
from operators.formats.lerobot.layout import VIDEOS, Dataset, read
from schemas.errors import UserError

_READS = 32  # at the same time


def datasets_among(inputs: Sequence[str], uris: Iterable[str]) -> tuple[list[Dataset], list[UserError]]:
    """Of inputs and the addresses of what was found in them; and for each folder below an input that looks like one
    and cannot be taken for one, why. Raises UserError for an input that is such itself."""
    own = [dataset for dataset in map(read, inputs) if dataset]
    places = tuple(f"{storage.absolute(one).rstrip('/')}/" for one in inputs)
    below = {
        root
        for uri in uris
        for root in _roots(uri)
        if root.startswith(places) and f"{root}/" not in places  # an input may be a dataset's own videos
    }
    with ThreadPoolExecutor(_READS) as threads:
        found = list(threads.map(_read, sorted(below)))
    more = [one for one in found if isinstance(one, Dataset)]
    return [*own, *more], [one for one in found if isinstance(one, UserError)]


def _roots(uri: str) -> list[str]:
    """Where the dataset of a video may lie, of which LeRobot has all below `videos`."""
    parts = uri.split(f"/{VIDEOS}/")
    return [f"/{VIDEOS}/".join(parts[:count]) for count in range(1, len(parts))]


def _read(place: str) -> Dataset | UserError | None:
    try:
        return read(place)
    except UserError as error:
        return error
