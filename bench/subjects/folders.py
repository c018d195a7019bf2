"""Checking a model folder: from headers when a study starts, and value by value when it is prepared.

The other side of the second is what one would write with the library: load every file, and `isfinite` of every tensor.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from bench.subject import Case, Check, Goal, Sides, Size, Subject
from semalign.models.architectures import architecture_of
from semalign.models.inspection import expected_tensors, problems_of
from semalign.models.values import value_problems
from semalign.models.weights import INDEX, read_weights

NAME = "LlamaForCausalLM"
TYPES = {"F32": (4, torch.float32), "BF16": (2, torch.bfloat16)}


def write_folder(folder: Path, size: Size) -> None:
    """A Llama of this size in `shards` files; without `values` the files are all holes after their headers."""
    heads = size["width"] // 128
    config = {
        **{"architectures": [NAME], "model_type": "llama", "hidden_size": size["width"]},
        **{"num_hidden_layers": size["layers"], "intermediate_size": 4 * size["width"]},
        **{"num_attention_heads": heads, "num_key_value_heads": heads, "vocab_size": size["tokens"]},
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    vocabulary = {"</s>": 0, **{f"token{at}": at for at in range(1, size["tokens"])}}
    tokenizer = {"model": {"type": "BPE", "vocab": vocabulary, "merges": []}, "added_tokens": []}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text('{"eos_token": "</s>"}', encoding="utf-8")
    shapes = list((expected_tensors(NAME, config) or {}).items())
    places: dict[str, str] = {}
    for at in range(size["shards"]):
        part = dict(shapes[at :: size["shards"]])
        file = f"model-{at + 1:05}-of-{size['shards']:05}.safetensors"
        places |= dict.fromkeys(part, file)
        _write(folder / file, part, size)
    index = {"metadata": {}, "weight_map": places}
    (folder / INDEX).write_text(json.dumps(index), encoding="utf-8")


def _write(path: Path, shapes: dict[str, tuple[int, ...]], size: Size) -> None:
    width, dtype = TYPES[size["dtype"]]
    if size["values"]:
        save_file({name: torch.randn(shape).to(dtype) for name, shape in shapes.items()}, path)
        return
    header, at = {}, 0
    for name, shape in shapes.items():
        end = at + width * torch.Size(shape).numel()
        header[name] = {"dtype": size["dtype"], "shape": list(shape), "data_offsets": [at, end]}
        at = end
    content = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(len(content).to_bytes(8, "little") + content)
        file.truncate(8 + len(content) + at)


def build(size: Size, device: str) -> Sides:
    """The sides of one case; both look at the same folder."""
    holder = tempfile.TemporaryDirectory()
    folder = Path(holder.name)
    write_folder(folder, size)
    files = sorted(folder.glob("*.safetensors"))

    def headers() -> list[str]:
        assert holder  # keeps the folder as long as the sides exist
        return problems_of(folder)

    def values() -> list[str]:
        assert holder
        return value_problems(read_weights(folder, architecture_of(NAME)), torch.float32)

    def finite() -> list[str]:
        assert holder
        tensors = ((name, tensor) for path in files for name, tensor in load_file(path).items())
        return [name for name, tensor in tensors if not tensor.isfinite().all()]

    def check(mine: list[str], theirs: Any) -> Check:
        return Check("problems of a folder without any", float(len(mine) + len(theirs or [])), 0)

    if not size["values"]:
        return Sides(headers, None, check)
    gigabytes = sum(path.stat().st_size for path in files) / 1e9
    return Sides(values, finite, check, work=gigabytes)


BIG = {"layers": 80, "width": 8192, "tokens": 128_000, "shards": 30, "dtype": "BF16", "values": False}
REAL = {"layers": 4, "width": 1024, "tokens": 32_000, "shards": 4, "values": True}
TINY = {"layers": 2, "width": 128, "tokens": 500, "shards": 2}
SUBJECT = Subject(
    "checking a model folder",
    "loading every file, and isfinite of every tensor",
    {
        "cpu": (
            Case("headers of 80 layers in 30 files of 185 GB, 128,000 tokens", BIG, goal=Goal(seconds=1)),
            Case("values of 0.5 GB in float32", {**REAL, "dtype": "F32"}, 3, goal=Goal(faster=2)),
            Case("values of 0.3 GB in bfloat16", {**REAL, "dtype": "BF16"}, 3, goal=Goal(faster=2)),
        ),
        "quick": (
            Case("values", {**TINY, "dtype": "F32", "values": True}, 1, memory=False),
            Case("headers", {**TINY, "dtype": "BF16", "values": False}, 1, memory=False),
        ),
    },
    build,
    unit="GB",
)
