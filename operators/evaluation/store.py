"""What was measured, source by source, in the restricted folder: what is there already is not measured again."""

import io
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from operators import storage
from schemas.arrow import from_table, to_table
from schemas.evaluation import Measured


class Store:
    """REPORT/measured/STAMP/SOURCE.parquet. The stamp stands for dataset, judges, methods and code: of others nothing
    is taken."""

    def __init__(self, report: str, stamp: str) -> None:
        self.folder = storage.join(storage.absolute(report), f"measured/{stamp}")

    def keep(self, name: str, data: bytes) -> None:
        """A file of somebody else's beside them, complete, or not at all."""
        storage.write_bytes(self.folder, name, data)

    def kept(self, name: str) -> bytes:
        """That file; empty if it is not there."""
        return storage.read_bytes(self.folder, name) if storage.exists(self.folder, name) else b""

    def sources(self) -> set[str]:
        """Keys of the sources that are measured."""
        return {
            name.removesuffix(".parquet")
            for name in storage.list_files(self.folder)
            if name.endswith(".parquet")
        }

    def whole(self) -> set[str]:
        """Those of them of which every clip could be measured."""
        return {source for source in self.sources() if not self._unmeasured(source)}

    def _unmeasured(self, source: str) -> list[str]:
        held = pa.BufferReader(storage.read_bytes(self.folder, f"{source}.parquet"))
        (some,) = pq.read_table(held, columns=["unmeasured"])["unmeasured"].to_pylist()
        return list(some)

    def write(self, measured: Measured) -> None:
        """Complete, or not at all."""
        buffer = io.BytesIO()
        pq.write_table(to_table([measured], Measured), buffer, compression="zstd")
        storage.write_bytes(self.folder, f"{measured.source}.parquet", buffer.getvalue())

    def read(self) -> Iterator[Measured]:
        """All of them, in order."""
        for source in sorted(self.sources()):
            held = pq.read_table(pa.BufferReader(storage.read_bytes(self.folder, f"{source}.parquet")))
            yield from from_table(held, Measured)
