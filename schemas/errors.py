"""The one error that is the user's to mend: it names the file, the field and the remedy."""


class UserError(Exception):
    """Printed by the jobs as one line, without a traceback; the job exits with status 2."""

    def __init__(self, where: str, problem: str, remedy: str) -> None:
        super().__init__(where, problem, remedy)  # as given: an error is pickled on its way from a worker

    def __str__(self) -> str:
        return "{}: {}. {}.".format(*self.args)
