"""Which seeds belong to which split: no identity, outfit or scene of one is in the other."""

from dataclasses import dataclass

from numpy.random import Generator

from schemas.errors import UserError

_OUTFITS = 4  # of everybody's own
_PER_IDENTITY = 10  # outfit seeds are numbered by tens
_STREETS = 500_000  # from here on scene seeds are of streets, below of crops


@dataclass(frozen=True)
class Split:
    """Seeds from `offset` on; identities, of which there are that many, return from clip to clip."""

    name: str
    offset: int
    identities: int

    def crop(self, seed: int) -> int:
        """Scene seed of a crop. Raises UserError for a seed that would fall into streets or another split."""
        return self.offset + self._within(seed)

    def street(self, seed: int) -> int:
        """Scene seed of a street scene. Raises UserError as `crop` does."""
        return self.offset + _STREETS + self._within(seed)

    def identity(self, index: int) -> int:
        """Identity seed of somebody."""
        return self.offset + index

    def outfit(self, owner: int, number: int) -> int:
        """Outfit seed of one of somebody's outfits."""
        return self.offset + _PER_IDENTITY * owner + number

    def pick(self, rng: Generator) -> tuple[int, int]:
        """Identity and outfit seed of anybody; a quarter of the time in an outfit of somebody else."""
        index = int(rng.integers(self.identities))
        owner = index if rng.random() < 0.75 else int(rng.integers(self.identities))
        return self.identity(index), self.outfit(owner, int(rng.integers(_OUTFITS)))

    def _within(self, seed: int) -> int:
        if not 0 <= seed < _STREETS:
            remedy = f"Take seeds from 0 to {_STREETS - 1}"
            raise UserError("--seeds", f"{seed} is outside the split's range", remedy)
        return seed


SPLITS = {split.name: split for split in (Split("train", 0, 800), Split("val", 9_000_000, 70))}


def shards_of(name: str, seeds: range, size: int | None) -> dict[str, range]:
    """Seeds by the shard that holds them: NAME-000100.tar of `size` clips from seed 100 on, or all in NAME.tar."""
    if size is None:
        return {f"{name}.tar": seeds}
    firsts = range(seeds.start, seeds.stop, size)
    return {f"{name}-{first:06d}.tar": range(first, min(first + size, seeds.stop)) for first in firsts}
