"""A pool's device and threads reach every model that its stage can load."""

from collections.abc import Iterator
from typing import Any, get_args
from unittest.mock import MagicMock

import cv2
import pytest
import torch

from operators.audit import GateModels
from operators.conditioning.cue_models import CueModels
from operators.models import build
from operators.models.runtime.onnx_session import OnnxNetwork
from operators.models.scene.objects import ObjectDetector
from operators.models.witnesses.centerface import FaceDetector
from operators.models.witnesses.final_look import FinalLook
from operators.models.witnesses.reid import Likeness
from operators.models.witnesses.witness import Witness
from operators.regenerate import Regenerate
from schemas import extractors as choice
from schemas.config import Settings, load
from schemas.errors import UserError
from schemas.policy import Policy
from schemas.profile import Profile

EMBEDDED = "cluster/profiles/embedded.yaml"
THERE = "cuda:1"
WEIGHTS = "cluster/weights/embedded"
CUES = {"model": "ensemble", "weights": f"{WEIGHTS}/cues"}
YOLO = {"model": "yolo", "weights": "a.pt", "image_size": 320}
RT_DETR = {"model": "rt_detr", "weights": "a"}
PERSON_MAP = {"model": "person_map", "weights": f"{WEIGHTS}/witness.safetensors"}
COCO_SSD = {"model": "coco_ssd", "weights": f"{WEIGHTS}/coco_ssd.onnx"}
# Of each kind of setting: what builds it, and one of each model.
KINDS: dict[str, tuple[Any, Any, list[dict[str, Any]]]] = {
    "pose": (choice.Pose, build.pose_model, [CUES, YOLO, {"model": "vitpose", "weights": "a", "detector": RT_DETR}]),
    "segment": (
        choice.Segment,
        build.segment_model,
        [CUES, YOLO, {"model": "sam2", "weights": "a", "detector": YOLO}, {"model": "sam3", "weights": "a"}],
    ),
    "depth": (choice.Depth, build.depth_model, [YOLO, {"model": "depth_anything", "weights": "a"}]),
    "caption": (choice.Caption, build.scene_model, [{"model": "template"}, {"model": "qwen_vl", "weights": "a"}]),
    "boxes": (choice.Boxes, build.detector, [CUES, YOLO, RT_DETR]),
    "witness": (choice.OneWitness, Witness, [PERSON_MAP, RT_DETR, COCO_SSD]),
}  # fmt: skip


class Places(list[str]):
    """`reading`: on how many threads writing is read."""

    reading = 0


@pytest.fixture
def placed(monkeypatch: pytest.MonkeyPatch) -> Iterator["Places"]:
    """Where models were put, or told to run; nothing is moved, and what needs weights of a hub has none."""
    places = Places()

    def to(module: Any, *where: Any, **_how: Any) -> Any:
        places.extend(str(one) for one in where if isinstance(one, str | torch.device))
        return module

    def loaded(_cls: Any, _folder: Any, **options: Any) -> Any:
        model = MagicMock()
        model.config.id2label, model.config.num_labels = {0: "person"}, 17
        for same in ("eval", "requires_grad_"):
            getattr(model, same).return_value = model
        model.to.side_effect = lambda where: to(model, where)
        known: dict[str, list[str]] = {"missing_keys": [], "mismatched_keys": []}
        return (model, known) if "output_loading_info" in options else model

    def yolo(
        self: Any, _weights: Any, _task: str, _size: int, device: str, *_rest: Any, **_more: Any
    ) -> None:
        places.append(device)
        self.model, self.options = MagicMock(names={0: "tv"}), {}

    def reader(params: dict[str, Any]) -> Any:
        number = params["EngineConfig.onnxruntime.cuda_ep_cfg.device_id"]
        places.append(f"cuda:{number}" if params["EngineConfig.onnxruntime.use_cuda"] else "cpu")
        places.reading = params["EngineConfig.onnxruntime.intra_op_num_threads"]
        return MagicMock(side_effect=lambda _picture: MagicMock(txts=()))

    monkeypatch.setattr(torch.nn.Module, "to", to)
    monkeypatch.setattr("diffusers.WanVACEPipeline.to", to)
    monkeypatch.setattr("operators.models.runtime.loading._load", loaded)
    monkeypatch.setattr("operators.models.runtime.yolo.Yolo.__init__", yolo)
    monkeypatch.setattr("rapidocr.RapidOCR", reader)
    monkeypatch.setattr("operators.models.scene.ocr.runs_on_cuda", lambda device: device.startswith("cuda"))
    monkeypatch.setattr(
        "operators.models.runtime.onnx_session._providers",
        lambda device: places.append(device) or ["CPUExecutionProvider"],
    )
    build.detector.cache_clear()
    yield places
    build.detector.cache_clear()


@pytest.fixture(autouse=True)
def _threads_as_before() -> Iterator[None]:
    before = torch.get_num_threads(), cv2.getNumThreads()
    yield
    torch.set_num_threads(before[0])
    cv2.setNumThreads(before[1])


def classes(union: Any) -> set[type[Settings]]:
    """The settings classes of an annotated union."""
    return {one for one in get_args(get_args(union)[0]) if isinstance(one, type)}


def settings_of(union: Any, values: dict[str, Any]) -> Any:
    (kind,) = (
        one for one in classes(union) if values["model"] in get_args(one.model_fields["model"].annotation)
    )
    return kind.model_validate(values)


@pytest.mark.parametrize("kind", KINDS)
def test_every_model_of_a_profile_is_put_where_its_pool_says(kind: str, placed: list[str]) -> None:
    union, make, models = KINDS[kind]
    built = [settings_of(union, values) for values in models]
    assert {type(one) for one in built} == classes(union), "a model that this test does not know"
    for settings in built:
        placed.clear()
        make(settings, THERE)
        expected = 0 if settings.model == "template" else 1 + hasattr(settings, "detector")
        assert len(placed) >= expected and set(placed) <= {THERE}, settings.model


def test_a_gpu_that_ray_would_not_show_is_refused() -> None:
    with pytest.raises(UserError, match=r"pools\.audit: .*set num_gpus"):
        load(Profile, EMBEDDED, ["pools.audit.device=cuda"])


def test_what_only_gates_and_redaction_load_is_put_there_too(placed: list[str]) -> None:
    profile = load(Profile, EMBEDDED)
    for values in (YOLO, RT_DETR):
        detector = settings_of(choice.Things, values)
        name = "tv" if detector.model == "yolo" else "person"
        ObjectDetector(choice.Objects(detector=detector, classes={name: "screen"}), THERE)
    FaceDetector(0.3, THERE)
    FinalLook(profile.final, THERE)
    Likeness(profile.likeness.weights, THERE)
    assert placed == [THERE] * 5


@pytest.mark.parametrize("stage", ["condition", "regenerate", "audit"])
def test_a_stage_puts_all_its_models_on_its_device_and_uses_its_threads(
    stage: str, placed: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("operators.conditioning.cue_models.Sight", MagicMock())
    monkeypatch.setattr("operators.audit.Sight", MagicMock())
    sessions: list[int] = []
    begin = OnnxNetwork.__init__

    def noted(self: OnnxNetwork, *arguments: Any, **options: Any) -> None:
        begin(self, *arguments, **options)
        sessions.append(self.session.get_session_options().intra_op_num_threads)

    monkeypatch.setattr(OnnxNetwork, "__init__", noted)
    pool = [f"pools.{stage}.{name}" for name in (f"device={THERE}", "num_gpus=1", "threads=3")]
    more = [f"hands.weights={WEIGHTS}/cues", "generator.people=diffusion"]
    profile = load(Profile, EMBEDDED, [*pool, *more])
    policy = load(Policy, "cluster/policies/driving.yaml", ["variant=structall"])
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    match stage:
        case "condition":
            CueModels.load(profile, policy)
        case "audit":
            GateModels.load(profile, policy)
        case "regenerate":
            Regenerate(profile)
    assert placed and set(placed) == {THERE}
    assert (torch.get_num_threads(), cv2.getNumThreads()) == (3, 3)
    assert set(sessions) <= {3} and bool(sessions) == (stage != "regenerate")
    assert placed.reading == (0 if stage == "regenerate" else 3)
