"""A data card: Croissant metadata of the dataset with its responsible-AI fields, filled from the evaluation.

Croissant 1.0 and Croissant RAI 1.0 of MLCommons: JSON-LD that dataset searches read.
"""

from collections.abc import Mapping
from typing import Any

from schemas.policy import Policy
from schemas.rules import Treatment

# Terms of Croissant's own vocabulary.
_PLAIN = (
    "citeAs", "column", "equivalentProperty", "extract", "field", "fileObject", "fileProperty", "fileSet", "format",
    "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex",
    "repeated", "replace", "samplingRate", "separator", "source", "subField", "transform",
)  # fmt: skip
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
} | {term: f"cr:{term}" for term in _PLAIN}

_DONE: dict[Treatment, str] = {
    "regenerate": "regenerated", "blur": "blurred", "pixelate": "pixelated", "blackout": "blacked out",
    "inpaint": "painted over with the background",
}  # fmt: skip
_BIASES = "Looks are drawn from the profile's lists, whoever was there."

_FILES = [
    {"@type": "cr:FileSet", "@id": name, "name": name, "description": words, "encodingFormat": kind, "includes": which}
    for name, words, kind, which in (
        ("shards", "WebDataset: KEY.mp4, KEY.json and what else belongs to a released clip", "application/x-tar",
         "shards/*.tar"),
        ("manifest", "A row a planned clip, whatever became of it", "application/x-parquet", "manifest/*.parquet"),
    )
]  # fmt: skip
_FIELDS = [
    {"@type": "cr:Field", "@id": f"clips/{name}", "name": name, "description": words, "dataType": kind,
     "source": {"fileSet": {"@id": "manifest"}, "extract": {"column": name}}}
    for name, kind, words in (
        ("key", "sc:Text", "name of the clip's files in its shard"), ("shard", "sc:Text", "shards/SHARD.tar holds it"),
        ("verdict", "sc:Text", "released, or why not"), ("frames", "sc:Integer", "frames"),
        ("width", "sc:Integer", "px"), ("height", "sc:Integer", "px"),
        ("people", "sc:Integer", "people who were followed in it"), ("sha256", "sc:Text", "digest of the video"),
    )
]  # fmt: skip


def card(dataset: Mapping[str, Any], summary: Mapping[str, Any]) -> dict[str, Any]:
    """Of the facts in dataset.json and an evaluation's summary. Names no source."""
    done = _DONE[Policy.model_validate(dataset["policy"]["settings"]).people]
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0"],
        "name": f"anonymized-{dataset['policy']['name']}",
        "description": f"{dataset['released']['clips']} clips whose people were {done} ({dataset['variant']}).",
        "version": f"1.0.{dataset.get('revision', 0)}",
        "license": "; ".join(dataset.get("licence_notes", [])),
        "distribution": _FILES,
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "clips",
                "name": "clips",
                "key": {"@id": "clips/key"},
                "field": _FIELDS,
            }
        ],
        "rai:personalSensitiveInformation": f"People were {done}; places and motion are kept on purpose. "
        f"Limb lengths: {summary.get('bodies', 'not stated')}. "
        f"An evaluation of {summary['sources']} sources is summarised in variableMeasured.",
        "rai:dataManipulationProtocol": f"Recast {dataset.get('recast_version', '')}, "
        f"profile {dataset['profile']['name']}, policy {dataset['policy']['name']}.",
        "rai:dataLimitations": [f"Not attacked: {one}" for one in summary["not_attacked"]],
        "rai:dataBiases": _BIASES if done == "regenerated" else "Nobody is drawn.",
        "rai:dataUseCases": "Training and testing where nobody has to be recognised.",
        "variableMeasured": _measured(summary),
    }


def _measured(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Recast's own figures, each with its interval."""
    own = summary["methods"].get("recast", {"figures": {}})
    return [
        {
            "@type": "PropertyValue",
            "name": name,
            "value": cell["value"],
            "minValue": cell["low"],
            "maxValue": cell["high"],
        }
        for name, cell in sorted(own["figures"].items())
        if cell["value"] is not None
    ]
