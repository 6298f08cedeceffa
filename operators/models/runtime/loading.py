"""Loading a transformers model or processor from a folder: offline, safetensors only, with nothing left random."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from operators.weights import vouched
from schemas.errors import UserError

if TYPE_CHECKING:
    import torch

_REMEDY = "Fetch it with python -m jobs.weights fetch, or name a folder with such a model in the profile"


def load_model(cls: Any, folder: str | Path, device: str, dtype: str = "float32", **settings: Any) -> Any:
    """`cls.from_pretrained(folder)`, for inference; `settings` override the checkpoint's configuration.

    Raises UserError if the folder is missing, is another model's, or lacks weights, which transformers would
    fill with random numbers.
    """
    import torch  # slow to import, and only actors need it

    model, report = _load(
        cls,
        folder,
        use_safetensors=True,
        dtype=getattr(torch, dtype),
        output_loading_info=True,
        **settings,
    )
    if lacking := [*report["missing_keys"], *report["mismatched_keys"]]:
        raise UserError(str(folder), f"lacks {len(lacking)} weights of {cls.__name__}", _REMEDY)
    return model.eval().requires_grad_(False).to(device)


def load_processor(cls: Any, folder: str | Path) -> Any:
    """`cls.from_pretrained(folder)`. Raises UserError."""
    return _load(cls, folder)


def _load(cls: Any, folder: str | Path, **options: Any) -> Any:
    from transformers.utils.logging import disable_progress_bar  # slow to import, and only actors need it

    disable_progress_bar()
    if not (Path(folder) / "config.json").is_file():
        raise UserError(str(folder), "holds no weights (config.json)", _REMEDY)
    place = vouched(folder)
    try:
        return cls.from_pretrained(str(place), local_files_only=True, trust_remote_code=False, **options)
    except Exception as error:  # whatever parsing somebody's files raises
        problem = f"cannot be loaded as {cls.__name__} ({type(error).__name__})"
        raise UserError(str(folder), problem, _REMEDY) from error


def video_of(frames: Any) -> "torch.Tensor":
    """uint8 [T,H,W,3] -> uint8 [T,3,H,W], as transformers' video processors take it."""
    import torch

    return torch.from_numpy(frames).permute(0, 3, 1, 2)
