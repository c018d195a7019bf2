"""What a model's config.json must say, checked without torch or transformers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from semalign.models.architectures import ARCHITECTURES, Architecture, architecture_of, unknown
from semalign.models.families import FAMILIES, Family
from semalign.models.settings import setting_problems
from semalign.models.weights import read_object, shown
from semalign.runtime.errors import Problems

FILE = "config.json"
WHAT = "a model's config.json, as save_pretrained writes it"
NEEDED = ("num_hidden_layers", "hidden_size", "vocab_size")
NOT_NULL = ("num_attention_heads", "intermediate_size")  # without the key, transformers has a default
SIZES = (*NEEDED, "num_attention_heads", "num_key_value_heads", "head_dim", "intermediate_size")
CONTEXT = "max_position_embeddings"
# where quantised models say so: transformers, compressed-tensors, older bitsandbytes, MLX
QUANTISED = ("quantization_config", "compression_config", "load_in_8bit", "load_in_4bit", "quantization")
SPECIAL = ("bos_token_id", "eos_token_id", "pad_token_id")


def read_checked(path: Path, problems: Problems) -> dict[str, Any] | None:
    """The config in a file, with its problems collected; None if it is not even an object."""
    with problems.collect():
        config = read_object(path, WHAT)
        for line in problems_in(config):
            problems.add(f"{path}: {line}")
        return config
    return None


def check_generation(path: Path, rows: int | None, problems: Problems) -> None:
    """Collect what is wrong with the settings of generation, if there are any: transformers would ignore the file.

    `rows` is the number of rows of the embedding, None if unknown.
    """
    if not path.exists() and not path.is_symlink():
        return
    with problems.collect():
        settings = read_object(path, "settings of generation, as save_pretrained writes them")
        for key in SPECIAL:
            value = settings.get(key)
            ids = value if isinstance(value, list) else [value]
            if any(number is not None and type(number) is not int for number in ids):
                problems.add(f"{path}: {key}: found {shown(value)}, expected an id or a list of ids")
            elif rows is not None and any(number is not None and number >= rows for number in ids):
                problems.add(
                    f"{path}: {key}: found {shown(value)}, expected an id below {rows}, the rows of the embedding "
                    "(vocab_size in config.json): is it another model's file?"
                )


def read_config(folder: Path | str) -> dict[str, Any]:
    """Read the folder's config.json; raises UserError with all that is wrong in it."""
    problems = Problems()
    config = read_checked(Path(folder) / FILE, problems)
    problems.check()
    assert config is not None  # otherwise there is a problem
    return config


def architecture_in(folder: Path | str) -> Architecture:
    """The `Architecture` of the model in `folder`."""
    return architecture_of(architecture_name(read_config(folder)))


def problems_in(config: Mapping[str, Any]) -> list[str]:
    """What is wrong in a config, each as `key: found X, expected Y`."""
    name = architecture_name(config)
    if name not in ARCHITECTURES:
        return [*_quantised(config), unknown(config.get("architectures"))]
    family = FAMILIES.get(name)
    lines = [
        *_quantised(config),
        *(_type(config, name, family) if family else []),
        *_sizes(config, family),
        *_special(config),
        *_flags(config),
    ]
    return lines or setting_problems(config, name, family)


def architecture_name(config: Mapping[str, Any]) -> str:
    """The one class in `architectures`; empty if there is none or more than one."""
    names = config.get("architectures")
    one = isinstance(names, list) and len(names) == 1 and isinstance(names[0], str)
    return names[0] if one else ""  # type: ignore[index]


def _quantised(config: Mapping[str, Any]) -> list[str]:
    lines = []
    for key in QUANTISED:
        inner = config.get("text_config")
        found = config.get(key) or (inner.get(key) if isinstance(inner, dict) else None)
        if found:
            method = found.get("quant_method") or found.get("format") if isinstance(found, dict) else None
            kind = f"a model quantised with {method}" if method else f"a quantised model ({shown(found)})"
            lines.append(
                f"{key}: found {kind}, expected weights in float32, bfloat16 or float16; use the model that it was "
                "made from, or save a dequantised copy"
            )
    return lines


def _type(config: Mapping[str, Any], name: str, family: Family) -> list[str]:
    """transformers chooses the class by `model_type`, whatever `architectures` says."""
    found = config.get("model_type")
    if found != family.model_type:
        return [f"model_type: found {shown(found)}, expected {shown(family.model_type)} for {name}"]
    if found == "mistral" and "layer_types" in config:
        return [f"layer_types: found {shown(config['layer_types'])}, expected none for {name}"]
    return []


def _sizes(config: Mapping[str, Any], family: Family | None) -> list[str]:
    """Sizes must be whole and positive, and fit each other."""
    lines = [f"{key}: found nothing, expected a whole number" for key in NEEDED if config.get(key) is None]
    lines += [
        f"{key}: found null, expected a whole number above 0, or no such key"
        for key in (*NOT_NULL, CONTEXT)
        if config.get(key, 1) is None
    ]
    for key in (*SIZES, CONTEXT):
        value = config.get(key)
        if value is not None and (type(value) is not int or value < 1):
            lines.append(f"{key}: found {shown(value)}, expected a whole number above 0")
    kinds = config.get("layer_types")
    if kinds is not None and (not isinstance(kinds, list) or len(kinds) != config.get("num_hidden_layers")):
        count = len(kinds) if isinstance(kinds, list) else shown(kinds)
        lines.append(
            f"layer_types: found {count}, expected one per layer (num_hidden_layers: {config.get('num_hidden_layers')})"
        )
    return lines if lines or family is None else _heads(config, family)


def _heads(config: Mapping[str, Any], family: Family) -> list[str]:
    width, heads = config["hidden_size"], family.value(config, "num_attention_heads")
    groups = family.sizes(config).kv_heads
    lines = []
    if width % heads and (family.whole_heads or family.value(config, "head_dim") is None):
        lines.append(f"hidden_size: found {width}, expected a multiple of num_attention_heads ({heads})")
    if heads % groups:
        lines.append(
            f"num_key_value_heads: found {groups}, expected a divisor of num_attention_heads ({heads})"
        )
    size = family.sizes(config).head_dim
    if size % 2 and not lines and family.whole_rotary:
        lines.append(f"head_dim: found {size}, expected an even number, as rotary positions need")
    return lines


def _special(config: Mapping[str, Any]) -> list[str]:
    """Special tokens must have a row in the embedding; -1 as padding means none in older configs."""
    rows = config.get("vocab_size")
    if type(rows) is not int:
        return []
    lines = []
    for key in SPECIAL:
        value = config.get(key)
        ids = value if isinstance(value, list) and key == "eos_token_id" else [value]
        wrong = [id for id in ids if id is not None and (type(id) is not int or not 0 <= id < rows)]
        if wrong and not (key == "pad_token_id" and wrong == [-1]):
            lines.append(
                f"{key}: found {shown(value)}, expected an id with a row in the embedding (vocab_size: {rows}, so 0 to "
                f"{rows - 1})"
            )
    return lines


def _flags(config: Mapping[str, Any]) -> list[str]:
    lines = []
    for key in ("tie_word_embeddings", "attention_bias", "mlp_bias"):
        value = config.get(key)
        if value is not None and not isinstance(value, bool):
            lines.append(f"{key}: found {shown(value)}, expected true or false")
    if other := config.get("transformers_weights"):
        lines.append(
            f"transformers_weights: found {shown(other)}, expected none; rename the weights to model.safetensors"
        )
    return lines
