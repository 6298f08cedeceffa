"""What is given back lies under its source's name, if that leaves room for the rest."""

from itertools import accumulate

from schemas.errors import UserError


class Names:
    """The files that are given back, one after the other. `record` is what the record of all is called."""

    def __init__(self, record: str) -> None:
        self._files, self._folders, self._record = {record}, set[str](), record

    def take(self, name: str, files: list[str], remedy: str) -> None:
        """Raises UserError if one of the `files` of a source `name` cannot lie beside those that were taken before."""
        folders = {folder for file in files for folder in _above(file)}
        if self._record in {*files, *folders}:
            raise UserError(name, "is what the record of all is called", remedy)
        if folders & self._files or self._folders & {*files}:
            raise UserError(name, "is a file and a folder in what is given back", remedy)
        self._files |= {*files}
        self._folders |= folders


def _above(file: str) -> list[str]:
    return list(accumulate(file.split("/"), "{}/{}".format))[:-1]
