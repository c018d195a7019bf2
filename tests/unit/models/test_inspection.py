"""What files tell of a model is told without torch, all at once; and whole models are never refused."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from edited_models import INDEX, WEIGHTS, edit_json, edit_weights, in_shards, with_stale_shards
from fabricated_models import ARCHITECTURES, build_model, write_tokenizer

from semalign.models.inspection import problems_of

SHAPE: dict[str, Any] = {"layers": 3, "width": 32, "seed": 0}
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\n"
PAGE = "<!doctype html>\n" * 20


Edit = Callable[[Path], Any]


def weights(edit: Callable[[dict[str, Any]], dict[str, Any]]) -> Edit:
    return lambda folder: edit_weights(folder, edit)


def config(**changes: Any) -> Edit:
    return lambda folder: edit_json(folder, **changes)


def without(part: str) -> Edit:
    return weights(lambda tensors: {name: tensor for name, tensor in tensors.items() if part not in name})


def text(name: str, content: str | bytes) -> Edit:
    data = content if isinstance(content, bytes) else content.encode()
    return lambda folder: (folder / name).write_bytes(data)


def cut(name: str, size: int) -> Edit:
    return lambda folder: os.truncate(folder / name, size)


def sharded(*edits: Edit) -> Edit:
    return lambda folder: [edit(in_shards(folder) if at == 0 else folder) for at, edit in enumerate(edits)]


def place(tensor: str, shard: str | None) -> Edit:
    """Let the index say that a tensor is in another shard, or in none."""

    def edit(folder: Path) -> None:
        import json

        places = json.loads((folder / INDEX).read_text())["weight_map"]
        places = {**places, tensor: shard} if shard else {k: v for k, v in places.items() if k != tensor}
        edit_json(folder, INDEX, weight_map=places)

    return edit


SECOND = "model-00002-of-00003.safetensors"
OTHER = {"model.layers.3.mlp.up_proj.weight": torch.zeros(64, 32)}
TENSORS: dict[str, tuple[Edit, str]] = {
    "no head": (without("lm_head"), rf"{WEIGHTS}: found no lm_head\.weight; expected all"),
    "no MLP": (without("layers.1.mlp"), r"found no model\.layers\.1\.mlp\.down_proj\.weight, .*gate.*, .*up"),
    "one norm": (without("model.norm"), r"found no model\.norm\.weight"),
    "last layer": (without("layers.2."), r"found the weights of 2 layers, expected 3"),
    "prefix": (
        weights(lambda t: {f"module.{name}": tensor for name, tensor in t.items()}),
        r"found 'module\.' before the names",
    ),
    "deep prefix": (
        weights(
            lambda t: {f"base_model.model.{name}": tensor for name, tensor in t.items() if "head" not in name}
        ),
        r"found 'base_model\.model\.' before the names",
    ),
    "one layer more": (weights(lambda t: t | OTHER), r"weights of 4 layers, expected 3"),
    "an adapter inside": (
        weights(lambda t: t | {"model.layers.0.mlp.up_proj.lora_A.weight": torch.zeros(2, 2)}),
        r"found model\.layers\.0\.mlp\.up_proj\.lora_A\.weight, which the model .* does not have",
    ),
    "bias": (
        weights(lambda t: t | {"model.layers.0.self_attn.q_proj.bias": torch.zeros(32)}),
        r"found model\.layers\.0\.self_attn\.q_proj\.bias, which",
    ),
    "head with other rows": (
        weights(lambda t: t | {"lm_head.weight": t["lm_head.weight"][:200]}),
        r"found other shapes .* lm_head\.weight \[200, 32\] \(expected \[259, 32\]\)",
    ),
    "transposed": (
        weights(lambda t: t | {name: t[name].T.contiguous() for name in t if "up_proj" in name}),
        r"up_proj\.weight \[32, 64\] \(expected \[64, 32\]\), .*layers\.2",
    ),
    "integers": (
        weights(lambda t: t | {"lm_head.weight": t["lm_head.weight"].to(torch.int8)}),
        r"found lm_head\.weight as I8, expected F64, F32, F16, BF16",
    ),
    "eight bits": (
        weights(lambda t: {name: tensor.to(torch.float8_e4m3fn) for name, tensor in t.items()}),
        r"as F8_E4M3, expected",
    ),
    "twice": (
        weights(lambda t: t | {"norm.weight": t["model.norm.weight"]}),
        r"norm\.weight: found this tensor also in",
    ),
}
CONFIGS: dict[str, tuple[Edit, str]] = {
    "bert": (
        config(architectures=["BertForMaskedLM"], model_type="bert"),
        r"architectures: found 'BertForMaskedLM'",
    ),
    "t5": (config(architectures=["T5ForConditionalGeneration"]), r"architectures: found 'T5For"),
    "gpt2": (config(architectures=["GPT2LMHeadModel"], n_layer=2), r"architectures: found 'GPT2LMHeadModel'"),
    "base model": (config(architectures=["LlamaModel"]), r"architectures: found 'LlamaModel'"),
    "no architectures": (config(architectures=...), r"architectures: found nothing, expected one of Llama"),
    "empty architectures": (config(architectures=[]), r"architectures: found \[\]"),
    "a text": (
        config(architectures="LlamaForCausalLM"),
        r"architectures: found 'LlamaForCausalLM', expected a list",
    ),
    "other class": (config(model_type="qwen2"), r'model_type: found "qwen2", expected "llama"'),
    "no class": (config(model_type=...), r"model_type: found nothing"),
    "gptq": (
        config(quantization_config={"quant_method": "gptq", "bits": 4}),
        r"quantization_config: .* with gptq",
    ),
    "bitsandbytes": (
        config(quantization_config={"quant_method": "bitsandbytes", "load_in_4bit": True}),
        r"quantised with bitsandbytes",
    ),
    "fp8": (config(quantization_config={"quant_method": "fp8"}), r"quantised with fp8"),
    "unknown method": (config(quantization_config={"bits": 3}), r"found a quantised model"),
    "mlx": (config(quantization={"bits": 4, "group_size": 64}), r"quantization: found a quantised"),
    "old bitsandbytes": (config(load_in_8bit=True), r"load_in_8bit: found"),
    "pad": (config(pad_token_id=259), r"pad_token_id: found 259, .*0 to 258"),
    "bos": (config(bos_token_id=-2), r"bos_token_id: found -2"),
    "eos": (config(eos_token_id=[2, 300]), r"eos_token_id: found \[2, 300\]"),
    "eos text": (config(eos_token_id="</s>"), r'eos_token_id: found "</s>"'),
    "context": (config(max_position_embeddings=0), r"max_position_embeddings: found 0"),
    "layers": (config(num_hidden_layers="3"), r'num_hidden_layers: found "3", expected a whole number'),
    "no layers": (config(num_hidden_layers=0), r"num_hidden_layers: found 0"),
    "a thousand million layers": (
        config(num_hidden_layers=10**9),
        r"weights of 3 layers, expected 1000000000",
    ),
    "fewer layers": (config(num_hidden_layers=2), r"weights of 3 layers, expected 2"),
    "truth as number": (config(num_hidden_layers=True), r"num_hidden_layers: found true"),
    "no width": (config(hidden_size=...), r"hidden_size: found nothing"),
    "heads": (config(num_attention_heads=5), r"hidden_size: found 32, expected a multiple"),
    "groups": (config(num_key_value_heads=3), r"num_key_value_heads: found 3, expected a divisor"),
    "head size": (config(head_dim=16), r"q_proj\.weight \[32, 32\] \(expected \[64, 32\]\)"),
    "inner": (config(intermediate_size=60), r"down_proj\.weight \[32, 64\] \(expected \[32, 60\]\)"),
    "tied as text": (config(tie_word_embeddings="yes"), r"tie_word_embeddings: found"),
    "another file": (config(transformers_weights="x.safetensors"), r"transformers_weights: found"),
    "list": (text("config.json", "[1, 2]"), r"config\.json: found a JSON list, expected an object"),
    "half": (text("config.json", '{"a": '), r"config\.json: not valid JSON"),
    "latin-1": (text("config.json", b'{"a": "\xe9"}'), r"config\.json: not valid JSON .*0xe9"),
    "pointer": (text("config.json", POINTER), r"config\.json: found a Git LFS pointer.*git lfs pull"),
    "deep": (text("config.json", "[" * 100_000), r"config\.json: not valid JSON"),
    "gone": (lambda folder: (folder / "config.json").unlink(), r"config\.json: no such file"),
}
FILES: dict[str, tuple[Edit, str]] = {
    "half": (cut(WEIGHTS, 90_000), rf"{WEIGHTS}: found 90000 bytes, expected \d+ according to its header"),
    "half a header": (cut(WEIGHTS, 100), r"found 100 bytes, expected"),
    "one byte less": (
        lambda f: os.truncate(f / WEIGHTS, (f / WEIGHTS).stat().st_size - 1),
        r"damaged or incomplete",
    ),
    "one byte more": (
        lambda f: os.truncate(f / WEIGHTS, (f / WEIGHTS).stat().st_size + 1),
        r"damaged or incomplete",
    ),
    "nothing": (cut(WEIGHTS, 0), r"found 0 bytes"),
    "pointer": (text(WEIGHTS, POINTER), rf"{WEIGHTS}: found a Git LFS pointer"),
    "page": (text(WEIGHTS, PAGE), r"found a page of text"),
    "zeros": (text(WEIGHTS, bytes(5000)), r"found a damaged header"),
    "noise": (text(WEIGHTS, bytes(range(256)) * 20), r"no safetensors file"),
    "gone": (lambda f: (f / WEIGHTS).unlink(), r"found no \*\.safetensors"),
    "pickle": (lambda f: (f / WEIGHTS).rename(f / "pytorch_model.bin"), r"only pytorch_model\.bin \(pickle"),
    "another name": (lambda f: (f / WEIGHTS).rename(f / "weights.safetensors"), r"rename a single file"),
    "a folder": (
        lambda f: [(f / WEIGHTS).unlink(), (f / WEIGHTS).mkdir()],
        r"can't be read \(Is a directory",
    ),
    "dangling": (
        lambda f: [(f / WEIGHTS).unlink(), (f / WEIGHTS).symlink_to("/absent/file")],
        r"a link to /absent/file, which does not exist",
    ),
    "adapter": (text("adapter_config.json", "{}"), r"adapter_config\.json: found an adapter.*merge"),
    "ranks": (
        text("shard-00001-model-00001-of-00002.safetensors", "x"),
        r"found a checkpoint of several processes",
    ),
    "no shard": (
        sharded(lambda f: (f / SECOND).unlink()),
        rf"{SECOND}: no such file, expected the shard that",
    ),
    "no index": (sharded(lambda f: (f / INDEX).unlink()), r"found neither .* or add the index"),
    "half a shard": (sharded(cut(SECOND, 3000)), rf"{SECOND}: found 3000 bytes"),
    "pointer as shard": (sharded(text(SECOND, POINTER)), rf"{SECOND}: found a Git LFS pointer"),
    "index as list": (sharded(text(INDEX, "[]")), r"index\.json: found a JSON list"),
    "index without map": (
        sharded(lambda f: edit_json(f, INDEX, weight_map=...)),
        r"weight_map: found nothing",
    ),
    "index without metadata": (
        sharded(lambda f: edit_json(f, INDEX, metadata=...)),
        r"metadata: found nothing",
    ),
    "index that leads away": (
        sharded(place("lm_head.weight", "../x.safetensors")),
        r"expected the name of a file",
    ),
    "index with a number": (sharded(place("lm_head.weight", 3)), r"lm_head\.weight: found 3"),  # type: ignore[arg-type]
    "index of another save": (
        sharded(place("lm_head.weight", SECOND)),
        rf"{SECOND}: found no lm_head\.weight, which",
    ),
    "index that forgets one": (
        sharded(place("lm_head.weight", None)),
        r"00001-of-00003\.safetensors: found lm_head\.weight, which .* does not say",
    ),
    "index that invents one": (sharded(place("model.x", SECOND)), rf"{SECOND}: found no model\.x, which"),
}
TOKENIZERS: dict[str, tuple[Edit, str]] = {
    "list": (text("tokenizer.json", "[]"), r"tokenizer\.json: found a JSON list"),
    "gone": (lambda f: (f / "tokenizer.json").unlink(), r"tokenizer\.json: no such file"),
    "pointer": (text("tokenizer.json", POINTER), r"tokenizer\.json: found a Git LFS pointer"),
    "no vocabulary": (text("tokenizer.json", "{}"), r"model\.vocab: found nothing"),
    "vocabulary as text": (text("tokenizer.json", '{"model": {"vocab": "abc"}}'), r"model\.vocab: found"),
    "ids as texts": (
        text("tokenizer.json", '{"model": {"vocab": {"a": "0"}}}'),
        r"found .*\"0\", expected an id",
    ),
    "odd added tokens": (
        text("tokenizer.json", '{"model": {"vocab": {"a": 0}}, "added_tokens": [1]}'),
        r"entries of another form",
    ),
    "settings as list": (text("tokenizer_config.json", "[]"), r"tokenizer_config\.json: found a JSON list"),
    "no eos": (lambda f: edit_json(f, "tokenizer_config.json", eos_token=...), r"eos_token: found nothing"),
    "eos as list": (
        lambda f: edit_json(f, "tokenizer_config.json", eos_token=[1]),
        r"eos_token: found \[1\], expected a text",
    ),
    "class as number": (
        lambda f: edit_json(f, "tokenizer_config.json", tokenizer_class=3),
        r"tokenizer_class: found 3, expected a text",
    ),
    "eos null": (
        lambda f: edit_json(f, "tokenizer_config.json", eos_token=None),
        r"eos_token: found nothing",
    ),
    "unknown eos": (
        lambda f: edit_json(f, "tokenizer_config.json", eos_token="<end>"),
        r"eos_token: found '<end>', expected a token of the vocabulary",
    ),
    "generation as list": (
        text("generation_config.json", "[]"),
        r"generation_config\.json: found a JSON list",
    ),
    "generation with a text": (
        text("generation_config.json", '{"pad_token_id": "x"}'),
        r'pad_token_id: found "x"',
    ),
    "generation that never ends": (
        text("generation_config.json", '{"eos_token_id": "x"}'),
        r'eos_token_id: found "x"',
    ),
    "larger than the embedding": (
        lambda f: edit_weights(
            edit_json(f, vocab_size=200),
            lambda t: {name: tensor[:200] if len(tensor) == 259 else tensor for name, tensor in t.items()},
        ),
        r"tokenizer\.json: found 59 tokens .* with ids up to 258, expected ids below 200",
    ),
}


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        pytest.param(*case, id=f"{group}: {name}")
        for group, cases in (
            ("tensors", TENSORS),
            ("config", CONFIGS),
            ("files", FILES),
            ("tokenizer", TOKENIZERS),
        )
        for name, case in cases.items()
    ],
)
def test_what_is_wrong_is_one_line(edit: Edit, expected: str, model: Path) -> None:
    import re

    edit(model)
    lines = problems_of(model, "models.teacher.path")
    assert any(re.search(expected, line) for line in lines), lines
    assert all(line.startswith("models.teacher.path: ") and "\n" not in line for line in lines)
    assert not any("delete" in line or "remove" in line for line in lines)


def test_all_problems_are_told_at_once(model: Path) -> None:
    edit_json(model, pad_token_id=999, quantization_config={"quant_method": "awq"})
    os.truncate(model / WEIGHTS, 1000)
    (model / "tokenizer.json").write_text("[]")
    names = [line.split(": ")[0].rpartition("/")[2] for line in problems_of(model)]
    assert names == ["config.json", "config.json", WEIGHTS, "tokenizer.json"]


def test_a_missing_or_closed_folder_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert problems_of(tmp_path / "absent", "models.a.path") == [
        f"models.a.path: {tmp_path / 'absent'}: no such folder, expected a Hugging Face model folder"
    ]

    file = tmp_path / "model.gguf"
    file.write_bytes(b"GGUF")
    assert problems_of(file) == [f"{file}: found a file, expected a Hugging Face model folder"]

    def closed(self: Path) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", closed)
    (line,) = [line for line in problems_of(tmp_path) if "permission denied" in line]
    assert str(tmp_path) in line


def bare(folder: Path) -> Path:
    """The names of the decoder alone, as `AutoModel` saves them."""
    return edit_weights(
        folder, lambda t: {name.removeprefix("model.").removeprefix("gpt_neox."): t[name] for name in t}
    )


VARIANTS: dict[str, Edit] = {
    "as saved": lambda folder: folder,
    "shards": in_shards,
    "stale shards": with_stale_shards,
    "half": weights(lambda t: {name: tensor.half() for name, tensor in t.items()}),
    "mixed": weights(lambda t: {name: t[name].bfloat16() if "norm" not in name else t[name] for name in t}),
    "bare": bare,
    "older": weights(
        lambda t: (
            t
            | {
                "model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(4),
                "gpt_neox.layers.0.attention.bias": torch.ones(1, 1, 4, 4, dtype=torch.bool),
                "gpt_neox.layers.1.attention.masked_bias": torch.tensor(-1e9),
                "gpt_neox.layers.2.attention.rotary_emb.inv_freq": torch.ones(4),
            }
        )
    ),
    "ids": config(pad_token_id=None, eos_token_id=[1, 2], quantization_config=None),
    "no padding": config(pad_token_id=-1),
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_whole_models_are_not_refused(kind: str, tied: bool, variant: str, tmp_path: Path) -> None:
    build_model(kind, **SHAPE, tied=tied).save_pretrained(tmp_path)
    write_tokenizer(tmp_path)
    VARIANTS[variant](tmp_path)
    assert problems_of(tmp_path) == []


def test_tokens_that_no_text_contains_may_lack_a_row(model: Path) -> None:
    from semalign.runtime.files import read_json

    stored = read_json(model / "tokenizer.json")
    image = {"id": 259, "content": "<image>", "special": True, "normalized": False}
    edit_json(model, "tokenizer.json", added_tokens=[*stored["added_tokens"], image])
    assert problems_of(model) == []
    edit_json(model, "tokenizer.json", added_tokens=[*stored["added_tokens"], {**image, "special": False}])
    assert "found 1 tokens ('<image>')" in problems_of(model)[0]


def test_an_index_that_leads_to_the_single_file_is_in_order(model: Path) -> None:
    import json

    from safetensors import safe_open

    with safe_open(model / WEIGHTS, "pt") as file:
        places = dict.fromkeys(file.keys(), WEIGHTS)
    (model / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": places}))
    assert problems_of(model) == []


def test_nothing_heavy_is_imported_for_it() -> None:
    code = (
        "import sys; from pathlib import Path; from semalign.models.inspection import problems_of;"
        "problems_of(Path('.')); import semalign.models.gguf;"
        "assert not {'torch', 'transformers', 'numpy', 'safetensors'} & set(sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
