"""A base transformer from one checkpoint under VACE blocks from another: few-step models are published without VACE."""

from pathlib import Path

import torch
from diffusers import WanTransformer3DModel, WanVACETransformer3DModel

from operators.weights import vouched
from schemas.errors import UserError

_VACE = ("vace_blocks.", "vace_patch_embedding.")
_OF_VACE = {"vace_layers", "vace_in_channels"}  # settings that a base has not


def graft(transformer: WanVACETransformer3DModel, base: str | Path) -> int:
    """Put the weights of `base` in the place of all that is not VACE's; returns how many tensors.

    `base` is a folder of diffusers' WanTransformer3DModel, or of a pipeline with one. The VACE blocks know the other
    base's features: how well they serve this one shows in pictures only.

    Raises UserError if the two are not of one shape, or if either holds weights that the other has no place for.
    """
    folder = Path(base)
    folder = folder / "transformer" if (folder / "transformer").is_dir() else folder
    remedy = "Name a transformer distilled from the one that the VACE blocks were trained on (generator.base)"
    if not (folder / "config.json").is_file():
        raise UserError(str(folder), "holds no transformer", remedy)
    try:
        other, report = WanTransformer3DModel.from_pretrained(
            vouched(folder),
            use_safetensors=True,
            torch_dtype=torch.float32,
            local_files_only=True,
            output_loading_info=True,
        )
    except UserError:
        raise
    except Exception as error:  # whatever parsing somebody's files raises
        raise UserError(str(folder), f"cannot be loaded ({type(error).__name__})", remedy) from error
    if faults := [*report["missing_keys"], *report["mismatched_keys"], *report["unexpected_keys"]]:
        # Gates of a sparse attention, for one: without them the others were not trained.
        problem = (
            f"lacks, or holds beyond a plain Wan transformer, {len(faults)} weights, {faults[0]} among them"
        )
        raise UserError(str(folder), problem, remedy)
    settings = {name for name in other.config if not name.startswith("_")} & set(
        transformer.config
    ) - _OF_VACE
    if differing := sorted(name for name in settings if other.config[name] != transformer.config[name]):
        problem = f"is of another shape than the VACE blocks' transformer: {', '.join(differing)}"
        raise UserError(str(folder), problem, remedy)
    own, new = transformer.state_dict(), other.state_dict()
    plain = {name: value.shape for name, value in own.items() if not name.startswith(_VACE)}
    if plain != {name: value.shape for name, value in new.items()}:
        raise UserError(str(folder), "has other weights than the VACE blocks' transformer", remedy)
    with torch.no_grad():
        for name, value in new.items():
            own[name].copy_(value)
    return len(new)
