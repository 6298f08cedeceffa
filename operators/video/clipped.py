"""A file of which only the beginning is looked at."""

from typing import IO


class Clipped:
    """What FFmpeg asks of a file, of one that ends after `size` bytes."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._size, self._at = file, size, 0

    def read(self, most: int) -> bytes:
        self._file.seek(self._at)
        data = self._file.read(max(0, min(most, self._size - self._at)))
        self._at += len(data)
        return data

    def seek(self, to: int, whence: int = 0) -> int:
        self._at = to + (0, self._at, self._size)[whence]
        return self._at

    def tell(self) -> int:
        return self._at
