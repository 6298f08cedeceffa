"""The known patches that fit around hidden places, found as in PatchMatch (Barnes et al. 2009)."""

import numpy as np

RADIUS = 3  # px of a patch at the level that is worked at
_MANY = 1000  # hidden pixels from which on they are gone through once a round
_FAR = 1.5  # how many levels a patch may fit worse for each pixel that it is nearer
_MADE_UP = 0.35  # how much made-up pixels count in a comparison
_STEPS = np.stack(np.meshgrid(*[np.arange(-RADIUS, RADIUS + 1)] * 2, indexing="ij"), -1).reshape(-1, 2)


class PatchSearch:
    """Looks for the known patch that fits best around each hidden place, and paints by what was found.

    holes bool [h,w]; whole bool [h,w], the middles of patches that are known throughout; places int [N,2], the holes'
    pixels, and sources int [M,2], the middles, as rows and columns. Pictures are float32 [h,w,3] in levels.
    """

    def __init__(
        self,
        holes: np.ndarray,
        whole: np.ndarray,
        places: np.ndarray,
        sources: np.ndarray,
        rng: np.random.Generator,
    ) -> None:
        self.holes, self.whole, self.places, self.sources, self.rng = holes, whole, places, sources, rng
        self.limit = np.array(holes.shape) - 1
        around = places[:, None] + _STEPS
        self.within = ((around >= 0) & (around <= self.limit)).all(2)
        self.around = np.clip(around, 0, self.limit)
        trust = np.where(holes, _MADE_UP, 1.0)[self.around[..., 0], self.around[..., 1]] * self.within
        self.trust = trust / trust.sum(1, keepdims=True)

    def improved(self, made: np.ndarray, shifts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Shifts int [h,w,2] that fit better, and how many levels each place [N] is off."""
        wanted = made[self.around[..., 0], self.around[..., 1]]
        best = shifts[self.holes]
        fit = self._misfit(made, wanted, best)
        field = shifts.copy()
        for turn in range(2 if len(self.places) < _MANY else 1):
            for step in ((1, 0), (0, 1), (-1, 0), (0, -1)):  # what suits a neighbour may suit here
                beside = np.clip(self.places + step, 0, self.limit)
                known = self.holes[beside[:, 0], beside[:, 1]]
                tried = np.where(known[:, None], field[beside[:, 0], beside[:, 1]], best)
                best, fit = self._better(made, wanted, best, fit, tried)
                field[self.holes] = best
            reach = float(max(self.holes.shape)) / (1 + 3 * turn)
            while reach >= 1:
                tried = best + np.round(self.rng.uniform(-reach, reach, best.shape)).astype(int)
                best, fit = self._better(made, wanted, best, fit, tried)
                reach /= 2.5
            field[self.holes] = best
        return field, fit

    def painted(self, made: np.ndarray, shifts: np.ndarray, fit: np.ndarray) -> np.ndarray:
        """The picture with every hidden pixel as the patches over it say, those that fit best above all."""
        weight = np.exp(-((fit / max(float(np.median(fit)), 1.0)) ** 2))[:, None] * self.within
        source = np.clip(self.around + shifts[self.holes][:, None], 0, self.limit)
        said = made[source[..., 0], source[..., 1]]
        flat = (self.around[..., 0] * self.holes.shape[1] + self.around[..., 1]).ravel()
        total = np.bincount(flat, weight.ravel(), self.holes.size)
        colours = [
            np.bincount(flat, (weight * said[..., channel]).ravel(), self.holes.size) for channel in range(3)
        ]
        mean = np.stack(colours, 1) / np.maximum(total, 1e-9)[:, None]
        hidden = self.holes & (total > 1e-9).reshape(self.holes.shape)
        result = made.copy()
        result[hidden] = mean.reshape(made.shape)[hidden]
        return result

    def _better(
        self, made: np.ndarray, wanted: np.ndarray, best: np.ndarray, fit: np.ndarray, tried: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        misfit = self._misfit(made, wanted, tried)
        better = misfit < fit
        return np.where(better[:, None], tried, best), np.where(better, misfit, fit)

    def _misfit(self, made: np.ndarray, wanted: np.ndarray, shifts: np.ndarray) -> np.ndarray:
        centre = self.places + shifts
        inside = ((centre >= 0) & (centre <= self.limit)).all(1)
        held = np.clip(centre, 0, self.limit)
        inside &= self.whole[held[:, 0], held[:, 1]]
        misfit = np.full(len(self.places), np.inf)
        at = held[inside][:, None] + _STEPS
        apart = ((made[at[..., 0], at[..., 1]] - wanted[inside]) ** 2).mean(2)
        far = _FAR * np.linalg.norm(shifts[inside], axis=1)
        misfit[inside] = np.sqrt((apart * self.trust[inside]).sum(1)) + far
        return misfit
