"""How names in the tables are spelt for readers."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from types import MappingProxyType

from semalign.runtime.tables_text import benchmark_title

# A word that is not listed is printed as it is.
SPELLING = {
    "semalign": "SemAlign",
    "laten": "LaTen",
    "seeking": "Seeking",
    "sft": "SFT",
    "pissa": "PiSSA",
    "oprd": "OPRD",
    "flex": "Flex",
    "kd": "KD",
    "ce": "CE",
    "lora": "LoRA",
    "cka": "CKA",
    "kl": "KL",
    "mlp": "MLP",
    "mmlu": "MMLU",
    "gsm8k": "GSM8K",
    "humaneval": "HumanEval",
    "mbpp": "MBPP",
    "llama2": "Llama 2",
    "codellama": "CodeLlama",
    "wizardcoder": "WizardCoder",
    "smollm2": "SmolLM2",
    "qwen3": "Qwen3",
}

_titles: ContextVar[Mapping[str, str]] = ContextVar("titles", default=MappingProxyType({}))


@contextlib.contextmanager
def titled(titles: Mapping[str, str]) -> Iterator[None]:
    """Print these methods by their titles, method -> title, instead of what `spell` would make of their names."""
    token = _titles.set(titles)
    try:
        yield
    finally:
        _titles.reset(token)


def spell(name: object) -> str:
    """A table's name as a reader would write it: a method's title, or `SFT all layers` for `sft-all-layers`.

    The part of a mixture, `mixture/gsm8k`, becomes `GSM8K (in the mixture)`.
    """
    if title := _titles.get().get(str(name)):
        return title
    if "/" in str(name):
        return benchmark_title("/".join(spell(part) for part in str(name).split("/", 1)))
    if _is_number(str(name)):
        return str(name)
    words = str(name).replace("_", "-").replace("~", "-→-").split("-")
    return " ".join(SPELLING.get(word.lower(), word) for word in words if word)


def part_titles(benchmarks: Iterable[str]) -> Callable[[str], str]:
    """How a table spells its benchmarks: parts of its only mixture without the mixture's name, if that is clear."""
    names = set(benchmarks)
    parts = [name.split("/", 1) for name in names if "/" in name]
    clear = len({whole for whole, _ in parts}) == 1 and names.isdisjoint(part for _, part in parts)
    return (lambda name: spell(name.split("/", 1)[-1])) if clear else spell


def _is_number(text: str) -> bool:
    """Whether a name is a number such as `1e-05`, in which the minus sign is not a hyphen."""
    try:
        float(text)
    except ValueError:
        return False
    return any(letter.isdigit() for letter in text)
