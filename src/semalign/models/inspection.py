"""Whether a model folder is whole, from its small files and the headers of its weights, without torch.

Everything that can be told in a fraction of a second is told here, when a study starts. What needs the library or the
values of the weights is checked when the model is prepared, by `semalign.models.checking`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from semalign.models.architectures import ARCHITECTURES, Architecture
from semalign.models.configs import architecture_name, check_generation, problems_in, read_checked
from semalign.models.families import FAMILIES, Shapes
from semalign.models.headers import FLOATS, unreadable
from semalign.models.naming import HARMLESS, common_prefix, listed
from semalign.models.tokenizers import check_tokenizer
from semalign.models.weights import Weights, find_weights
from semalign.runtime.errors import Problems

ADAPTER = "adapter_config.json"
GENERATION = "generation_config.json"
MANY = 1000  # layers


def problems_of(folder: Path, where: str = "") -> list[str]:
    """What is wrong with a model folder, one line each; `where` is the key that names it in the config.

    Looks at config.json, the index of the shards, the headers of the weights and the tokenizer.
    """
    problems = Problems()
    try:
        if folder.is_dir():
            _check(folder, problems)
        else:
            found = "found a file" if folder.exists() else "no such folder"
            problems.add(f"{folder}: {found}, expected a Hugging Face model folder")
    except OSError as error:
        problems.add(f"{folder}: {unreadable(folder, error)}, expected a Hugging Face model folder")
    return [f"{where}: {line}" if where else line for line in problems.lines]


def _check(folder: Path, problems: Problems) -> None:
    if (folder / ADAPTER).exists():
        problems.add(
            f"{folder / ADAPTER}: found an adapter, expected a whole model; merge it (merge_and_unload) and save "
            "the result"
        )
    path = folder / "config.json"
    config = read_checked(path, problems)
    name = architecture_name(config) if config else ""
    facts = ARCHITECTURES.get(name, Architecture())
    weights = find_weights(folder, facts, problems)
    if weights and config and not problems_in(config):
        problems.add(*weight_problems(weights, name, config))
    size = config.get("vocab_size") if config else None
    rows = size if type(size) is int and size > 0 else None
    check_generation(folder / GENERATION, rows, problems)
    check_tokenizer(folder, rows, problems)


def weight_problems(weights: Weights, name: str, config: Mapping[str, Any]) -> list[str]:
    """How the tensors in the files differ from those of the architecture `name` with a sound config."""
    facts = ARCHITECTURES[name]
    layers = weights.layers(facts)
    # without any layer the names tell more, unless they would be too many to list
    if layers != config["num_hidden_layers"] and (layers or config["num_hidden_layers"] > MANY):
        return [
            f"{weights.source}: found the weights of {layers} layers, expected {config['num_hidden_layers']} "
            "(num_hidden_layers in config.json)"
        ]
    expected = expected_tensors(name, config)
    return compare(weights, expected, is_tied(name, config), facts)


def expected_tensors(name: str, config: Mapping[str, Any]) -> Shapes | None:
    """The tensors of a model with this config, by their names in `Architecture`; None if they are not known here.

    A tied head is among them; `is_tied` says whether files may do without it.
    """
    family = FAMILIES.get(name)
    if family is None:
        return None
    facts, sizes = ARCHITECTURES[name], family.sizes(config)
    matrix = (config["vocab_size"], sizes.width)
    shapes: Shapes = {f"{facts.embedding}.weight": matrix}
    layer = family.layer(sizes, config)
    for at in range(config["num_hidden_layers"]):
        shapes |= {f"{facts.layers}.{at}.{part}": shape for part, shape in layer.items()}
    shapes |= {f"{facts.final_norm}.{part}": (sizes.width,) for part in family.final_norm}
    return {**shapes, f"{facts.head}.weight": matrix}


def is_tied(name: str, config: Mapping[str, Any]) -> bool:
    """Whether embedding and head are one matrix by the config; or may be, if only transformers knows the default."""
    family = FAMILIES.get(name)
    return bool(
        family.value(config, "tie_word_embeddings") if family else config.get("tie_word_embeddings", True)
    )


def compare(weights: Weights, expected: Shapes | None, tied: bool, facts: Architecture) -> list[str]:
    """How the tensors in the files differ from the `expected` ones, if these are known; and from what any model has."""
    found = {name: entry for name, entry in weights.tensors.items() if not HARMLESS.search(name)}
    embedding, head = f"{facts.embedding}.weight", f"{facts.head}.weight"
    needed = set(expected or (embedding, head, f"{facts.final_norm}.weight")) - found.keys()
    if tied and (embedding in found or head in found):
        needed -= {embedding, head}
    more = found.keys() - expected.keys() if expected else set()
    lines = _names(weights, needed, more)
    lines += _shapes(weights, expected or {})
    integers = {name: entry for name, entry in found.items() if entry.dtype not in FLOATS}
    if integers:
        kinds = ", ".join(sorted({entry.dtype for entry in integers.values()}))
        lines.append(
            f"{weights.source}: found {listed(integers)} as {kinds}, expected {', '.join(FLOATS)}: quantised "
            "weights are not supported"
        )
    return lines


def _names(weights: Weights, missing: set[str], more: set[str]) -> list[str]:
    source = weights.source
    if missing and (prefix := common_prefix(more, missing)):
        names = listed(weights.tensors[name].name for name in more)
        return [
            f"{source}: found {prefix!r} before the names of tensors ({names}), expected names such as "
            f"{sorted(missing)[0]}; save the model itself, not a wrapper around it"
        ]
    lines = []
    if missing:
        lines.append(
            f"{source}: found no {listed(missing)}; expected all tensors of the model that config.json describes"
        )
    if more:
        names = listed(weights.tensors[name].name for name in more)
        lines.append(f"{source}: found {names}, which the model that config.json describes does not have")
    return lines


def _shapes(weights: Weights, expected: Shapes) -> list[str]:
    other = {
        name: f"{name} {list(entry.shape)} (expected {list(expected[name])})"
        for name, entry in weights.tensors.items()
        if name in expected and entry.shape != expected[name]
    }
    if not other:
        return []
    return [f"{weights.source}: found other shapes than config.json gives: {listed(other.values())}"]
