"""Shape of a model and the parameter counts that follow from it. Imports neither torch nor transformers."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from semalign.config.models import FolderModel, GgufPackage, HubModel
from semalign.config.pruning import PrunedModel
from semalign.config.tiny import TinyModel
from semalign.models.architectures import ARCHITECTURES, Architecture
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json

BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
TINY_VOCABULARY = 1024  # upper bound for the embedded tokenizer


@dataclass(frozen=True)
class ModelShape:
    """Depth and widths as in config.json; `dtype` is the precision in which the study holds the weights.

    `gated` says whether the feed-forward network has a gate. `stored` is the number of parameters in the model's files;
    without files, it follows from the widths for a model of Llama's form.
    """

    layers: int
    width: int
    feed_forward: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    tied: bool = False
    gated: bool = True
    dtype: str = "float32"
    stored: int | None = None

    @property
    def projections(self) -> dict[str, tuple[int, int]]:
        """Short name -> (output size, input size) of the matrices of a layer."""
        queries, values = self.heads * self.head_dim, self.kv_heads * self.head_dim
        shapes = {
            "q": (queries, self.width),
            "k": (values, self.width),
            "v": (values, self.width),
            "o": (self.width, queries),
            "up": (self.feed_forward, self.width),
            "down": (self.width, self.feed_forward),
        }
        return shapes | {"gate": (self.feed_forward, self.width)} if self.gated else shapes

    @property
    def layer_parameters(self) -> int:
        """Number of parameters of the matrices and norms of one layer."""
        return sum(rows * columns for rows, columns in self.projections.values()) + 2 * self.width

    @property
    def parameters(self) -> int:
        """Number of parameters of the whole model."""
        embeddings = (1 if self.tied else 2) * self.vocabulary * self.width
        return self.stored or embeddings + self.layers * self.layer_parameters + self.width

    @property
    def weight_bytes(self) -> int:
        """Size of the weights in memory, in bytes."""
        return self.parameters * BYTES[self.dtype]

    def adapter_parameters(self, layers: int, rank: int, projections: list[str]) -> int:
        """Return the number of parameters of LoRA on the named matrices of `layers` layers."""
        known = self.projections
        return layers * rank * sum(sum(known[name]) for name in projections if name in known)


def known(
    layers: int, width: int, inner: int, heads: int, kv: int, size: int, tokens: int, **more: Any
) -> ModelShape:
    """Return a shape for the table below, in bfloat16 by default."""
    return ModelShape(layers, width, inner, heads, kv, size, tokens, **{"dtype": "bfloat16", **more})


# from the config.json files on the hub, for planning before they are downloaded
KNOWN: dict[str, ModelShape] = {
    "meta-llama/Llama-2-7b-chat-hf": known(32, 4096, 11008, 32, 32, 128, 32000),
    "meta-llama/Llama-2-13b-chat-hf": known(40, 5120, 13824, 40, 40, 128, 32000),
    "codellama/CodeLlama-13b-Python-hf": known(40, 5120, 13824, 40, 40, 128, 32000),
    "WizardLMTeam/WizardCoder-Python-13B-V1.0": known(40, 5120, 13824, 40, 40, 128, 32001),
    "Qwen/Qwen3-8B": known(36, 4096, 12288, 32, 8, 128, 151936),
    "Qwen/Qwen3-4B": known(36, 2560, 9728, 32, 8, 128, 151936, tied=True),
    "Qwen/Qwen3-1.7B": known(28, 2048, 6144, 16, 8, 128, 151936, tied=True),
    "HuggingFaceTB/SmolLM2-1.7B-Instruct": known(24, 2048, 8192, 32, 32, 64, 49152, tied=True),
    "HuggingFaceTB/SmolLM2-360M-Instruct": known(32, 960, 2560, 15, 5, 64, 49152, tied=True),
    "HuggingFaceTB/SmolLM2-135M-Instruct": known(30, 576, 1536, 9, 3, 64, 49152, tied=True),
}


def shapes_of(models: Mapping[str, Any], root: Path) -> dict[str, ModelShape]:
    """Return the shapes of a study's models, whose prepared folders are below `root`."""
    shapes: dict[str, ModelShape] = {}

    def resolve(name: str) -> ModelShape:
        if name not in shapes:
            settings = models[name]
            # a pruned model has the shape of its teacher except for the pruned sizes
            teacher = resolve(settings.teacher) if isinstance(settings, PrunedModel) else None
            shapes[name] = shape_of(settings, root / name, teacher)
        return shapes[name]

    return {name: resolve(name) for name in models}


def shape_of(settings: Any, prepared: Path | None = None, teacher: ModelShape | None = None) -> ModelShape:
    """Return the shape of a model from its prepared folder, its own folder, its settings, or the table.

    `teacher` is the shape of a pruned model's teacher. Raises UserError for a hub model that is in none of them.
    """
    dtype = getattr(settings, "dtype", "float32")
    if prepared and (prepared / "config.json").is_file():
        return read_model_shape(prepared, dtype)
    if isinstance(settings, FolderModel):
        return read_model_shape(Path(settings.path).expanduser(), dtype)
    if isinstance(settings, TinyModel):
        size = settings.width // settings.heads
        heads = settings.heads
        own = (settings.layers, settings.width, settings.feed_forward, heads, heads, size)
        return ModelShape(*own, TINY_VOCABULARY)
    if isinstance(settings, PrunedModel) and teacher:
        return pruned_shape(settings, teacher)
    repository = (
        settings.repository if isinstance(settings, HubModel) else "HuggingFaceTB/SmolLM2-135M-Instruct"
    )
    if repository not in KNOWN or not isinstance(settings, HubModel | GgufPackage):
        raise UserError(
            f"model {repository}: found no config.json, expected its shape from there; run `snakemake --cores 4 "
            "retrieve --configfile <this config>` first"
        )
    return ModelShape(**{**vars(KNOWN[repository]), "dtype": dtype})


def pruned_shape(settings: PrunedModel, teacher: ModelShape) -> ModelShape:
    """Return the teacher's shape after pruning, in float32; a smaller width unties the LM head from the embedding."""
    width = settings.width or teacher.width
    return replace(
        teacher,
        layers=settings.layers or teacher.layers,
        width=width,
        feed_forward=settings.feed_forward or teacher.feed_forward,
        tied=teacher.tied and width == teacher.width,
        dtype="float32",
        stored=None,
    )


def read_model_shape(folder: Path, dtype: str = "float32") -> ModelShape:
    """Read the shape of a model from the config.json in its folder, and its size from the headers of its weights.

    Raises UserError if that file can't be read or lacks a size.
    """
    path = folder / "config.json"
    try:
        config = read_json(path)
        heads = int(config["num_attention_heads"])
        names = config.get("architectures") or [""]
        return ModelShape(
            int(config["num_hidden_layers"]),
            int(config["hidden_size"]),
            int(config["intermediate_size"]),
            heads,
            int(config.get("num_key_value_heads") or heads),
            int(config.get("head_dim") or config["hidden_size"] // heads),
            int(config["vocab_size"]),
            bool(config.get("tie_word_embeddings", False)),
            is_gated(ARCHITECTURES.get(names[0], Architecture())),
            dtype,
            stored_parameters(folder),
        )
    except FileNotFoundError:
        raise UserError(f"{path}: no such file, expected a Hugging Face model folder") from None
    except KeyError as error:
        raise UserError(f"{path}: found no {error.args[0]}, expected the sizes of a language model") from None
    except (OSError, ValueError, TypeError, AttributeError, LookupError, ZeroDivisionError):
        raise UserError(f"{path}: found no sizes of a language model, expected them") from None


def is_gated(architecture: Architecture) -> bool:
    """Whether the feed-forward network has a gate, as a matrix or as part of one."""
    return "gate" in architecture.projections or "gate" in architecture.fused


def stored_parameters(folder: Path) -> int | None:
    """The number of values in the safetensors of a folder, from their headers; None if there are none."""
    counts = [sum(map(math.prod, _stored_shapes(path))) for path in sorted(folder.glob("*.safetensors"))]
    return sum(counts) or None


def _stored_shapes(path: Path) -> list[list[int]]:
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return [entry["shape"] for name, entry in header.items() if name != "__metadata__"]
