"""Reading a model folder: the whole model, its tokenizer, or only the tensors that the semantic bases need.

All of them follow `semalign.models.weights`, so that a matrix read alone is the one that the loaded model runs with.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from semalign.benchmarks.tokenizer_files import read_tokenizer
from semalign.models import devices
from semalign.models.architectures import architecture_of
from semalign.models.configs import architecture_name, read_config
from semalign.models.inspection import weight_problems
from semalign.models.loaded import check_loaded, check_room, check_runs, explained
from semalign.models.weights import Weights, read_weights
from semalign.runtime.errors import UserError


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


def read_shape(folder: Path | str) -> Shape:
    """Architecture, depth, width and vocabulary size of the model in `folder`."""
    config = read_config(folder)
    return Shape(
        architecture_name(config),
        config["num_hidden_layers"],
        config["hidden_size"],
        config["vocab_size"],
    )


def whole_weights(folder: Path, config: dict[str, Any]) -> Weights:
    """The tensors of the model in `folder`; raises UserError unless they are just those of its config."""
    name = architecture_name(config)
    weights = read_weights(folder, architecture_of(name))
    if lines := weight_problems(weights, name, config):
        raise UserError(*lines)
    return weights


def load_model(folder: Path | str, device: str | None = None, dtype: torch.dtype | None = None) -> Any:
    """Load the model in `folder`, in evaluation mode, with every parameter frozen.

    The default device is that of `semalign.models.devices`, the default precision the model's own. A model may be
    spread over several GPUs; inputs then go to `model.device`, and a layer's output is on the layer's device.

    Raises UserError if the folder is not a model of a known architecture, or if its files do not hold just the
    tensors of that model: none is ever left out or initialised at random.
    """
    from transformers import AutoModelForCausalLM

    folder = Path(folder)
    config = read_config(folder)
    weights = whole_weights(folder, config)
    loading = devices.read_loading(folder)
    place = device or devices.device()
    precision = dtype or getattr(torch, loading.dtype)
    check_room(weights, precision.itemsize)
    with explained(folder, "the weights can't be read"):
        model, info = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=precision,
            local_files_only=True,
            use_safetensors=True,  # never a pickle file, which could run code
            device_map=devices.layout(loading, place),
            output_loading_info=True,
        )
    check_loaded(model, info, weights, architecture_name(config))
    model.eval().requires_grad_(False)
    check_runs(model, weights)
    return model


def load_tokenizer(folder: Path | str) -> Any:
    """Load the tokenizer of the model in `folder`."""
    with explained(Path(folder), "no readable tokenizer"):
        return read_tokenizer(Path(folder))


def read_head(folder: Path | str) -> Head:
    """Read the LM head, the embedding and the final norm's gain, without loading the rest of the model.

    Of tied matrices one is stored, or both; a stored head that differs from the embedding is the model's head, whatever
    its config says, because transformers does not tie them then.
    """
    tensors = TensorFolder(Path(folder))
    facts = tensors.facts
    stored = [name for name in (f"{facts.embedding}.weight", f"{facts.head}.weight") if name in tensors]
    # the gain is added in float32, as in the model, since the sum would be rounded in half precision
    gain = tensors.read(f"{facts.final_norm}.weight").float() + facts.gain_offset
    embedding = tensors.read(stored[0])
    weight = embedding if len(stored) == 1 else tensors.read(stored[1])
    return Head(weight, embedding, gain, tensors.config.get("final_logit_softcapping"))


class TensorFolder:
    """Reads single tensors of a model, by their names in `Architecture`, as the loaded model holds them.

    Raises UserError if the folder does not hold just the tensors of a model.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = read_config(folder)
        self.facts = architecture_of(architecture_name(self.config))
        self.weights = whole_weights(folder, self.config)
        self.dtype: torch.dtype = getattr(torch, devices.read_loading(folder).dtype)

    def __contains__(self, name: str) -> bool:
        return name in self.weights.tensors

    def read_stored(self, name: str) -> torch.Tensor:
        """The tensor in the precision of its file."""
        entry = self.weights.tensors.get(name)
        if entry is None:
            raise UserError(f"{self.weights.source}: found no tensor {name!r}")
        with explained(entry.path, "can't be read"), safe_open(entry.path, "pt") as file:
            tensor: torch.Tensor = file.get_tensor(entry.name)
            return tensor

    def read(self, name: str) -> torch.Tensor:
        """The tensor with the model's values: rounded if the model is loaded in a lower precision than its file has."""
        tensor = self.read_stored(name)
        exact = torch.promote_types(tensor.dtype, self.dtype) == self.dtype
        return tensor if exact else tensor.to(self.dtype)
