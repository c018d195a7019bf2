"""How long a benchmark's examples are: counted where they are prepared, else from a table of the published ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semalign.runtime.files import read_jsonl

CHARACTERS_A_TOKEN = 3.3  # of English and code under Llama 2's tokenizer, on the safe side


@dataclass(frozen=True)
class Split:
    """Examples, mean tokens of prompt and of answer (eos included), and the longest example's tokens."""

    examples: int
    prompt: float
    answer: float
    longest: int

    @property
    def tokens(self) -> int:
        """Tokens of all prompts and answers."""
        return round(self.examples * (self.prompt + self.answer))

    @property
    def positions(self) -> int:
        """Supervised positions of all examples."""
        return round(self.examples * self.answer)


@dataclass(frozen=True)
class Texts:
    """A benchmark: its splits, and how an item is answered."""

    splits: dict[str, Split]
    choices: int = 0
    new_tokens: int = 0
    samples: int = 1


def _split(examples: int, prompt: int, answer: int, longest: int) -> Split:
    """From mean and largest numbers of characters."""
    size = CHARACTERS_A_TOKEN
    return Split(examples, prompt / size, answer / size + 1, round(longest / size) + 1)


# measured on the published files, in the paper's splits (characters)
KNOWN: dict[str, Texts] = {
    "mmlu": Texts(
        {
            "train": _split(1000, 486, 2, 2537),
            "extract": _split(20, 431, 2, 1368),
            "align": _split(80, 453, 2, 1456),
            "validation": _split(200, 415, 2, 2174),
            "test": _split(14042, 551, 2, 4954),
        },
        choices=4,
    ),
    "gsm8k": Texts(
        {
            "train": _split(1000, 281, 253, 1225),
            "extract": _split(20, 271, 285, 1131),
            "align": _split(80, 285, 264, 1332),
            "validation": _split(200, 297, 289, 1609),
            "test": _split(1319, 290, 266, 1597),
        },
        new_tokens=512,
    ),
    "humaneval": Texts(
        {
            "train": _split(254, 199, 135, 993),
            "extract": _split(20, 214, 135, 642),
            "align": _split(80, 199, 145, 845),
            "validation": _split(80, 205, 146, 820),
            "test": _split(164, 451, 181, 1993),
        },
        new_tokens=512,
        samples=20,
    ),
    "mbpp": Texts(
        {
            "train": _split(284, 330, 167, 1375),
            "extract": _split(32, 373, 179, 1058),
            "align": _split(40, 313, 173, 911),
            "validation": _split(80, 322, 177, 1064),
            "test": _split(500, 341, 174, 5645),
        },
        new_tokens=512,
        samples=20,
    ),
}
READ = ("-likelihood", "-steps")  # names of tasks that read each reference answer once and generate nothing
EMBEDDED = {"prompt": 30.0, "answer": 12.0, "longest": 96}  # tokens of the embedded benchmarks, roughly


def texts_of(name: str, settings: Any, parts: Sequence[Texts] = (), prepared: Path | None = None) -> Texts:
    """What is known of a benchmark of the study; `parts` are those of a mixture."""
    if parts:
        return _mixed(parts)
    published = KNOWN.get(getattr(settings, "benchmark", name))
    if published:
        sizes = {split: getattr(settings, split, None) for split in published.splits}
        splits = {
            split: Split(sizes[split] or found.examples, found.prompt, found.answer, found.longest)
            for split, found in published.splits.items()
        }
        if name.endswith(READ):
            return Texts(splits, choices=1)
        return Texts(splits, published.choices, published.new_tokens, published.samples)
    counts = {split: getattr(settings, split, None) or 100 for split in KNOWN["mmlu"].splits}
    if prepared and prepared.is_dir():
        counts = {split: len(read_jsonl(prepared / f"{split}.jsonl")) for split in counts}
    embedded = {
        split: Split(count, EMBEDDED["prompt"], EMBEDDED["answer"], int(EMBEDDED["longest"]))
        for split, count in counts.items()
    }
    return Texts(embedded, choices=4 if name == "facts" else 0, new_tokens=0 if name == "facts" else 64)


def _mixed(parts: Sequence[Texts]) -> Texts:
    splits = {}
    for name in parts[0].splits:
        own = [part.splits[name] for part in parts]
        examples = sum(split.examples for split in own)
        prompts = sum(split.examples * split.prompt for split in own)
        answers = sum(split.examples * split.answer for split in own)
        longest = max(split.longest for split in own)
        splits[name] = Split(examples, prompts / examples, answers / examples, longest)
    choices = max(part.choices for part in parts) if all(part.choices for part in parts) else 0
    return Texts(splits, choices, max(part.new_tokens for part in parts), max(part.samples for part in parts))
