"""Packages that only the rendering of people needs, which a run of Recast does not have."""

from importlib import import_module
from types import ModuleType

from schemas.errors import UserError

REMEDY = "pip install --no-deps --require-hashes -r requirements-render.txt"


def need(name: str) -> ModuleType:
    """That package. Raises UserError, saying how to install it, if it is missing."""
    try:
        return import_module(name)
    except ImportError as error:
        remedy = f"Install what rendering needs: {REMEDY}"
        raise UserError(name, f"cannot be imported ({error})", remedy) from error
