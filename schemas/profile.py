"""The profile: which models run, with what sampling, on what resources. `cluster/profiles/*.yaml`."""

from typing import Literal

from pydantic import Field, model_validator

from schemas.config import Settings
from schemas.extractors import (
    Caption,
    CocoSsdSettings,
    Depth,
    FinalLookSettings,
    HandSettings,
    Objects,
    PersonMapSettings,
    Poses,
    Segments,
    SeveralObjects,
    TemplateSettings,
    Witnesses,
)


class Clips(Settings):
    """How sources are cut. `frames` is 4k+1 (the Wan VAE's temporal stride is 4); `overlap` frames are
    shared with the previous clip. A clip whose decoded frames would exceed `max_bytes` is cut shorter. A stage
    that works on one for more than `max_seconds` is ended and tries again; then the clip is recorded as failed."""

    frames: int = Field(ge=5)
    overlap: int = Field(ge=0)
    max_bytes: int = Field(gt=0)
    max_seconds: float = Field(default=900, gt=0)

    @model_validator(mode="after")
    def _windows(self) -> "Clips":
        if self.frames % 4 != 1:
            raise ValueError(f"clip.frames must be 4k+1, e.g. {self.frames // 4 * 4 + 1}")
        if self.overlap >= self.frames:
            raise ValueError("clip.overlap must be smaller than clip.frames")
        return self


class Text(Settings):
    """How writing is found: read by rapidocr in every `every`-th frame, followed from there to those between.

    What is read at least this surely (`confidence`) is what the policy's rules for text and plates are about. Frames
    are read at native resolution, in parts of at most `tile` px a side.
    """

    every: int = Field(default=4, ge=1)
    confidence: float = Field(default=0.3, gt=0, lt=1)
    tile: int = Field(default=1920, ge=320)


class Size(Settings):
    """Height and width in pixels, as the generator sees them."""

    height: int = Field(ge=16, multiple_of=16)
    width: int = Field(ge=16, multiple_of=16)


# How joints are drawn for the generator: operators/conditioning/skeleton.py
Skeleton = Literal["dwpose", "bold"]
# What a diffusion model makes at once in StructHuman.
Mode = Literal["tubes", "whole_frame"]


class WanVace(Settings):
    """Wan-VACE: the diffusion backbone (a diffusers WanVACEPipeline folder) and its sampling.

    `people` says who paints them: the diffusion model, or actors, CC0 bodies that follow the joints and are drawn over
    what other frames show of the background (operators/actor); the rest is the diffusion model's in either case.
    `skeleton` says how joints are drawn: as VACE and the paper's adapters know them, or the embedded generator.
    `adapter` is a .safetensors LoRA of its VACE blocks, under diffusers' names or DiffSynth's.
    `window` frames are generated at once, later windows continue from the last `overlap` of them.
    A window's frames are padded to one more than a multiple of `pad`, or to all of them. With `one_seed` all windows of
    a video are sampled from the same.
    In mode `tubes` StructHuman regenerates each person in a `tube`, or in the smallest of `small_tubes` that is no
    lower than the window around them in the source: a fourth of the pixels is a fourth of the tokens. In mode
    `whole_frame` all of them in one `frame`, of which the masks' part is kept: what the paper's adapters were made
    for. StructAll is the whole `frame` in either,
    whose longer side matches and whose aspect follows the source.
    `rate`: the generator is shown so many frames a second at most, as every n-th of the source, or 0, all of them. The
    others come back `between` those: interpolated, or interleaved, which generates every n-th from the second on, and
    so on, likewise (operators/generation/rate.py).

    Switches, each off by default. `negative_prompt`: what guidance leads away from. `batch`: so many windows, of
    one clip or several, are denoised at once; what does not fit into memory is halved. `dtype`: the transformer's;
    the VAE stays float32. `guidance_until`: guidance in this first share of the steps only. `step_cache`: the
    transformer runs in every n-th step, in between its last output is used again. `distilled`: a .safetensors LoRA
    with which few steps suffice; `base`: a folder of a few-step transformer without VACE, under the VACE blocks of
    `weights` (operators/generation/graft.py). `scheduler`: UniPC, or what few-step models were made for: Euler, or
    LCM, which adds noise anew after each step. `vae`: a folder with another AutoencoderKLWan of the same latents.
    `decoder`: a file of TAEHV's, which makes pictures of latents in the VAE's place
    (operators/generation/tiny_decoder.py). `vae_decode`: in which precision pictures are decoded; they are encoded in
    float32. `vae_tiling`: less memory, more time. `fp8_weights`: the transformer's are kept in eight bits and computed
    with in `dtype`: less memory, not faster.
    `quantize`: its blocks' linear weights in eight bits by TorchAO, of integers or of floats, each row with its own
    scale. `block_cache`: what all blocks but the first add is used again in a step in which the first adds nearly the
    same as before, by less than this share of it (cache-dit, 0: never).
    `attention`: a backend of diffusers. `compile`: the transformer's blocks are compiled.
    Where `weights` has two transformers, as Wan2.2-VACE-Fun-A14B, the second takes over below the noise level that
    its pipeline states; `guidance_2` is its guidance, 0 the same, `distilled_2` its LoRA.
    `whole_known`: every latent of the frames that a window continues is known, not only those that the pipeline's
    resampling of the mask hits. `text_device`: where the text encoder is, if not beside the transformer. `warm_up`:
    a first call before the first clip.
    """

    model: Literal["wan_vace"] = "wan_vace"
    people: Literal["diffusion", "actor"] = "diffusion"
    skeleton: Skeleton = "dwpose"
    weights: str
    adapter: str = ""
    steps: int = Field(ge=1)
    guidance: float = Field(ge=1)
    flow_shift: float = Field(gt=0)
    window: int = Field(ge=5)
    overlap: int = Field(ge=1)
    pad: int = Field(default=0, ge=0, multiple_of=4)
    one_seed: bool = False
    mode: Mode = "tubes"
    rate: float = Field(default=0, ge=0)
    between: Literal["interpolate", "interleave"] = "interpolate"
    tube: Size
    small_tubes: list[Size] = Field(default_factory=list)
    frame: Size
    negative_prompt: str = ""
    batch: int = Field(default=1, ge=1)
    dtype: Literal["float32", "bfloat16"] = "float32"
    guidance_until: float = Field(default=1, ge=0, le=1)
    step_cache: int = Field(default=1, ge=1)
    distilled: str = ""
    base: str = ""
    guidance_2: float = Field(default=0, ge=0)
    distilled_2: str = ""
    scheduler: Literal["unipc", "euler", "lcm"] = "unipc"
    vae: str = ""
    decoder: str = ""
    vae_decode: Literal["float32", "bfloat16"] = "float32"
    fp8_weights: bool = False
    quantize: Literal["", "int8", "float8"] = ""
    block_cache: float = Field(default=0, ge=0)
    vae_tiling: bool = False
    attention: Literal["", "native", "_native_cudnn", "_native_flash", "flash", "_flash_3", "sage"] = ""
    compile: bool = False
    whole_known: bool = False
    text_device: str = ""
    warm_up: bool = False

    @model_validator(mode="after")
    def _windows(self) -> "WanVace":
        if self.window % 4 != 1 or self.overlap >= self.window:
            raise ValueError("generator.window must be 4k+1 and larger than generator.overlap")
        if self.mode == "whole_frame" and self.people == "actor":
            raise ValueError("actors are drawn, not generated: set generator.mode to tubes")
        if self.quantize and self.fp8_weights:
            raise ValueError("generator.quantize and fp8_weights are two ways to the same: leave one out")
        if self.block_cache and (self.batch > 1 or self.step_cache > 1 or 0 < self.guidance_until < 1):
            raise ValueError(
                "generator.block_cache looks at one window, every step and one guidance: "
                "set batch and step_cache to 1, guidance_until to 0 or 1"
            )
        return self


Generator = WanVace  # another generator is another settings class with its `model`, and a union of both here


class LikenessSettings(Settings):
    """The network that tells whether somebody could be recognised by their looks; see operators/models/witnesses."""

    weights: str


class Encoding(Settings):
    """H.264 settings of what is released."""

    crf: int = Field(ge=0, le=51)
    preset: str


class Pool(Settings):
    """One stage's actors. `resources` are Ray's own by name, which only the nodes that the stage belongs on have.

    On `device` are all the stage's models; on the CPU they use so many `threads`, as does OpenCV.
    """

    actors: int = Field(ge=1)
    num_cpus: float = Field(gt=0)
    num_gpus: float = Field(default=0, ge=0)
    resources: dict[str, float] = Field(default_factory=dict)
    device: str = "cpu"
    threads: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _seen(self) -> "Pool":
        if self.device.startswith("cuda") and not self.num_gpus:
            raise ValueError("device is a GPU, and Ray shows none to actors that ask for none: set num_gpus")
        if self.num_gpus > 1 and self.num_gpus % 1:
            raise ValueError(
                "num_gpus above 1 counts whole cards: Ray gives no actor one and a part of another"
            )
        return self


class Pools(Settings):
    """Resources by stage."""

    condition: Pool
    regenerate: Pool
    audit: Pool


class Profile(Settings):
    """Everything that decides how a run computes; what may be published is the policy's.

    `spill` is the folder into which Ray on this machine writes what does not fit into memory, frames among it: on an
    encrypted mount, if there is one. A cluster has its own setting (`ray start --object-spilling-directory`).
    `writers` are resources of Ray's by name, as those of a pool, which only the nodes have that may read the plan and
    write the dataset: the tasks that do so ask for them, and no other stage runs there.
    `licences: permissive` refuses weights whose entry in weights.lock says otherwise, or that have none.
    `hands` adds fingers to the joints of a `pose` that gives none, for the generator to be shown.
    `witness` looks again in the gates; what `limbs` finds beside the masks makes them grow, and refuses nothing. No
    mask grows over what the `final` look finds, which refuses: it is another model than the witness, or another view.
    """

    name: str
    licences: Literal["any", "permissive"] = "any"
    clip: Clips
    pose: Poses
    hands: HandSettings | None = None
    segment: Segments
    depth: Depth
    caption: Caption = TemplateSettings()
    witness: Witnesses
    final: FinalLookSettings
    limbs: PersonMapSettings | None = None
    text: Text = Text()
    objects: SeveralObjects | None = None
    likeness: LikenessSettings
    generator: Generator
    persona: dict[str, list[str]]
    encoding: Encoding
    clips_per_shard: int = Field(ge=1)
    spill: str = ""
    writers: dict[str, float] = Field(default_factory=dict)
    pools: Pools

    @model_validator(mode="after")
    def _independent(self) -> "Profile":
        cues = self.model_dump_json(include={"pose", "segment", "limbs"})
        witnesses = self.witness if isinstance(self.witness, list) else [self.witness]
        for name, judge in (*(("witness", one) for one in witnesses), ("final", self.final)):
            if f'"{judge.weights}"' in cues:
                problem = f"{name}.weights make the masks, too"
                raise ValueError(f"{problem}; name a detector that pose and segment do not use")
        same = [one for one in witnesses if one.weights == self.final.weights]
        if any(
            not self.final.mirrored or (isinstance(one, CocoSsdSettings) and one.tile == self.final.tile)
            for one in same
        ):
            raise ValueError("final is the witness again; mirror it and give it tiles of another size")
        return self

    def finds(self) -> set[str]:
        """The policy's topics, beside people, whose places in a picture these models find."""
        return {"plate", "text", *(topic for one in self.things() for topic in one.classes.values())}

    def things(self) -> list[Objects]:
        """The detectors of things, of one or several."""
        return self.objects if isinstance(self.objects, list) else [self.objects] if self.objects else []
