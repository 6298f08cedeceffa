"""What somebody saw in frames that were drawn for them: the file that the evaluation's label page saves."""

from pydantic import Field

from schemas.config import Settings
from schemas.decision import Text


class ByEye(Settings):
    """One frame's. `exposed`: anything of a person of the source is seen in what was released, or may be.

    frame   of the clip `key`, from 0 on
    by      whoever looked
    """

    key: Text
    frame: int = Field(ge=0)
    exposed: bool
    by: Text
