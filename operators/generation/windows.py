"""Videos longer than what is generated at once."""

import numpy as np

from schemas.generation import Request, Window


def count_windows(frames: int, window: int, overlap: int) -> int:
    """Windows that `frames` frames take: the first makes `window` of them, each later one `overlap` fewer."""
    return 1 + max(0, -(-(frames - window) // (window - overlap)))


class Windows:
    """One request, window by window (ReGenHuman, "Longer videos").

    Later windows continue from the last `overlap` generated frames, given as known RGB with VACE mask 0. A tail is
    padded by repeating its last frame, to one more than a multiple of `pad` frames or to the whole window, and trimmed
    after. Every window is sampled from a seed of its own, or all from `one_seed`. A request of sizes that would be
    silently mis-conditioned has an error for its result from the start.
    """

    def __init__(
        self, request: Request, window: int, overlap: int, pad: int = 0, one_seed: bool = False
    ) -> None:
        self.request, self.window, self.overlap = request, window, overlap
        self.pad, self.one_seed = pad or window - 1, one_seed
        shape, masks = request.conditioning.shape, request.generate.shape
        self.made = np.empty((0, *shape[1:]), np.uint8)
        self.error: Exception | None = None
        if shape[1] % 16 or shape[2] % 16 or masks != shape[:3] or not shape[0]:
            self.add(ValueError(f"conditioning {shape} with mask {masks}: sizes must be multiples of 16"))

    @property
    def size(self) -> tuple[int, int, int]:
        """Frames of the next window, height and width."""
        wanted = min(self.window, self.left + min(self.overlap, len(self.made)))
        padded = 1 - (1 - wanted) // self.pad * self.pad
        return min(padded, self.window), *self.made.shape[1:3]

    @property
    def left(self) -> int:
        """Frames still to be made; none after an error."""
        return 0 if self.error else len(self.request.conditioning) - len(self.made)

    @property
    def result(self) -> np.ndarray | Exception:
        """What has been made, uint8 [T,h,w,3], or what went wrong."""
        return self.error or self.made

    def next(self) -> Window:
        """The window that comes next, if any frames are left."""
        request, first = self.request, max(0, len(self.made) - self.overlap)
        known = self.made[first:]
        video = request.conditioning[first : first + self.window]
        generate = request.generate[first : first + self.window].copy()
        video = np.concatenate([known, video[len(known) :]])
        generate[: len(known)] = False
        missing = self.size[0] - len(video)
        video, generate = (np.concatenate([a, np.repeat(a[-1:], missing, axis=0)]) for a in (video, generate))
        reference = request.conditioning[0]
        seed = request.seed + (0 if self.one_seed else first)
        return Window(video, generate, reference, len(known), request.prompt, seed)

    def add(self, frames: np.ndarray | Exception) -> None:
        """Take what was generated for `next()`: uint8 [T,h,w,3], or an error, with which the request ends."""
        if isinstance(frames, Exception):
            self.error = frames
            return
        known = min(self.overlap, len(self.made))
        self.made = np.concatenate([self.made, frames[known:][: self.left]])
