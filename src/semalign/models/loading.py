"""Reading a model folder: the whole model, its tokenizer, or only the tensors that the semantic bases need."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from semalign.models import devices
from semalign.models.architectures import Architecture, architecture_of
from semalign.runtime.errors import UserError

NEEDED = ("architectures", "num_hidden_layers", "hidden_size", "vocab_size")


@dataclass(frozen=True)
class Head:
    """The tensors that the vocabulary-defined bases are made from.

    `weight` [vocabulary, width] is the LM head, `input_embedding` [vocabulary, width] the embedding matrix,
    `norm_gain` [width] the effective gain of the final norm, `softcap` the final logit soft cap, if any. `rows` and
    `input_rows` are the ids of the rows of `weight` and of `input_embedding` that bases are made from; None: all.
    """

    weight: torch.Tensor
    input_embedding: torch.Tensor
    norm_gain: torch.Tensor
    softcap: float | None = None
    rows: torch.Tensor | None = None
    input_rows: torch.Tensor | None = None


@dataclass(frozen=True)
class Shape:
    """A model's size, from its config.json alone."""

    architecture: str
    layers: int
    width: int
    vocabulary: int


def read_config(folder: Path | str) -> dict[str, Any]:
    """Read the folder's config.json; raises UserError if it is missing or lacks a key that every model has."""
    path = Path(folder) / "config.json"
    if not path.is_file():
        raise UserError(f"{path}: no such file; expected a model folder with config.json and safetensors")
    try:
        config = dict(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise UserError(f"{path}: not valid JSON ({error})") from None
    missing = [key for key in NEEDED if not config.get(key)]
    if missing:
        raise UserError(f"{path}: no {', '.join(missing)}; expected a causal language model's config")
    return config


def read_shape(folder: Path | str) -> Shape:
    """Architecture, depth, width and vocabulary size of the model in `folder`."""
    config = read_config(folder)
    return Shape(
        config["architectures"][0],
        config["num_hidden_layers"],
        config["hidden_size"],
        config["vocab_size"],
    )


def architecture_in(folder: Path | str) -> Architecture:
    """The `Architecture` of the model in `folder`."""
    return architecture_of(read_config(folder)["architectures"][0])


def load_model(folder: Path | str, device: str | None = None, dtype: torch.dtype | None = None) -> Any:
    """Load the model in `folder`, in evaluation mode, with every parameter frozen.

    The default device is that of `semalign.models.devices`, the default precision the model's own. A model may be
    spread over several GPUs; inputs then go to `model.device`, and a layer's output is on the layer's device.

    Raises UserError if the folder is not a model of a known architecture, or its weights can't be read.
    """
    from transformers import AutoModelForCausalLM

    architecture_in(folder)  # raises for an unknown architecture before any weights are read
    loading = devices.read_loading(folder)
    place = device or devices.device()
    own = getattr(torch, loading.dtype)
    try:
        model = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=dtype or own,
            local_files_only=True,
            use_safetensors=True,  # never a pickle file, which could run code
            device_map=devices.layout(loading, place),
        )
    except (OSError, ValueError) as error:
        raise UserError(f"{folder}: the weights can't be read ({str(error).splitlines()[0]})") from error
    return model.eval().requires_grad_(False)


def load_tokenizer(folder: Path | str) -> Any:
    """Load the tokenizer of the model in `folder`."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError) as error:
        raise UserError(f"{folder}: no readable tokenizer ({str(error).splitlines()[0]})") from error


def read_head(folder: Path | str) -> Head:
    """Read the LM head, the embedding and the final norm's gain, without loading the rest of the model."""
    config = read_config(folder)
    facts = architecture_of(config["architectures"][0])
    tensors = TensorFolder(Path(folder))
    embedding = tensors.read(f"{facts.embedding}.weight")
    head_name = f"{facts.head}.weight"
    # a tied head is not stored, and some configs omit the key `tie_word_embeddings`
    tied = config.get("tie_word_embeddings", False) or head_name not in tensors.files
    gain = tensors.read(f"{facts.final_norm}.weight") + facts.gain_offset
    weight = embedding if tied else tensors.read(head_name)
    return Head(weight, embedding, gain, config.get("final_logit_softcapping"))


class TensorFolder:
    """Reads single tensors from a folder of safetensors files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, Path] = {}
        for path in sorted(folder.glob("*.safetensors")):
            try:
                with safe_open(path, "pt") as file:
                    self.files.update(dict.fromkeys(file.keys(), path))
            except Exception as error:  # safetensors raises its own exception for a truncated file
                raise UserError(f"{path}: not a readable safetensors file ({error})") from error

    def read(self, name: str) -> torch.Tensor:
        if name not in self.files:
            raise UserError(f"{self.folder}: no tensor {name!r} in its safetensors files")
        with safe_open(self.files[name], "pt") as file:
            tensor: torch.Tensor = file.get_tensor(name)
            return tensor
