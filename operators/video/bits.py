"""Fields of an H.264 unit, bit by bit: ITU-T H.264, 7.2 and 9.1."""

SMALL = 32  # what numbers such as that of reference frames are below


class Bits:
    """Bits of a unit without emulation prevention, behind its header byte. Raises ValueError for what is not due."""

    def __init__(self, body: bytes) -> None:
        self.bits, self.at = "".join(f"{byte:08b}" for byte in body), 0

    def u(self, count: int) -> int:
        """An unsigned number of `count` bits."""
        if self.at + count > len(self.bits):
            raise ValueError("ends too early")
        self.at += count
        return int(self.bits[self.at - count : self.at], 2)

    def ue(self, below: int = SMALL) -> int:
        """An Exp-Golomb number."""
        zeros = self.bits.find("1", self.at) - self.at
        if not 0 <= zeros <= 16:
            raise ValueError("a number out of its range")
        self.at += zeros
        value = self.u(zeros + 1) - 1
        if value >= below:
            raise ValueError("a number out of its range")
        return value

    def due(self, count: int, value: int = 0) -> None:
        """A field that has one value in whatever is encoded here."""
        if self.u(count) != value:
            raise ValueError("a field that is not due")

    def left(self) -> bool:
        """Whether there is more than the bits that end a unit."""
        return self.bits.rfind("1") > self.at

    def end(self) -> None:
        """Nothing is left but a one, and zeros to the next byte."""
        rest = self.bits[self.at :]
        if not 1 <= len(rest) <= 8 or rest != "1".ljust(len(rest), "0"):
            raise ValueError("more than its fields")
