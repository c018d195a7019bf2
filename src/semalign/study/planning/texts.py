"""Number and length of a benchmark's examples.

They come from a table of the published benchmarks and from rough values for the embedded ones. Prepared benchmarks
that are not published are counted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semalign.benchmarks.base import Size
from semalign.benchmarks.own import sizes_of
from semalign.config.benchmarks import FileBenchmark
from semalign.runtime.files import read_jsonl

CHARACTERS_A_TOKEN = 3.3  # English text and code with Llama 2's tokenizer, a conservative value


@dataclass(frozen=True)
class Split:
    """Number of examples, mean tokens per prompt and per answer (eos included), and tokens of the longest example."""

    examples: int
    prompt: float
    answer: float
    longest: int

    @property
    def tokens(self) -> int:
        """Number of tokens of all prompts and answers."""
        return round(self.examples * (self.prompt + self.answer))

    @property
    def positions(self) -> int:
        """Number of supervised positions of all examples."""
        return round(self.examples * self.answer)


@dataclass(frozen=True)
class Texts:
    """Splits of a benchmark, and how an item is answered: `choices` to score, or `samples` answers of `new_tokens`."""

    splits: dict[str, Split]
    choices: int = 0
    new_tokens: int = 0
    samples: int = 1


def _split(examples: int, prompt: float, answer: float, longest: int) -> Split:
    """Return a split from mean and maximum numbers of characters."""
    size = CHARACTERS_A_TOKEN
    return Split(examples, prompt / size, answer / size + 1, round(longest / size) + 1)


# numbers of characters in the published files, for the paper's splits
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
# endings of the names of tasks that score each reference answer and generate nothing
READ = ("-likelihood", "-steps")
EMBEDDED = {"prompt": 30.0, "answer": 12.0, "longest": 96}  # approximate tokens in the embedded benchmarks


def texts_of(name: str, settings: Any, parts: Sequence[Texts] = (), prepared: Path | None = None) -> Texts:
    """Return the texts of a benchmark of the study; `parts` are the texts of a mixture's parts."""
    if parts:
        return _mixed(parts)
    published = KNOWN.get(getattr(settings, "benchmark", name))
    if published:
        sizes = {split: getattr(settings, split, None) for split in published.splits}
        splits = {
            split: Split(sizes[split] or known.examples, known.prompt, known.answer, known.longest)
            for split, known in published.splits.items()
        }
        if name.endswith(READ):
            return Texts(splits, choices=1)
        return Texts(splits, published.choices, published.new_tokens, published.samples)
    if isinstance(settings, FileBenchmark) and (measured := sizes_of(name, settings)):
        return _own(measured)
    counts = {split: getattr(settings, split, None) or 100 for split in KNOWN["mmlu"].splits}
    if prepared and prepared.is_dir():
        counts = {split: len(read_jsonl(prepared / f"{split}.jsonl")) for split in counts}
    embedded = {
        split: Split(count, EMBEDDED["prompt"], EMBEDDED["answer"], int(EMBEDDED["longest"]))
        for split, count in counts.items()
    }
    return Texts(embedded, choices=4 if name == "facts" else 0, new_tokens=0 if name == "facts" else 64)


def _own(sizes: Mapping[Any, Size]) -> Texts:
    """Return the texts of a user's own file from its sizes; each batch of answers lasts as long as its longest."""
    splits = {
        split: _split(
            size.examples,
            size.prompts / max(1, size.examples),
            size.answers / max(1, size.examples),
            size.longest,
        )
        for split, size in sizes.items()
    }
    choices = max(size.choices for size in sizes.values())
    longest = max(size.longest_answer for size in sizes.values())
    return Texts(splits, choices, 0 if choices else round(longest / CHARACTERS_A_TOKEN) + 1)


def _mixed(parts: Sequence[Texts]) -> Texts:
    splits = {}
    for name in parts[0].splits:
        members = [part.splits[name] for part in parts]
        examples = sum(split.examples for split in members)
        prompts = sum(split.examples * split.prompt for split in members)
        answers = sum(split.examples * split.answer for split in members)
        longest = max(split.longest for split in members)
        splits[name] = Split(examples, prompts / examples, answers / examples, longest)
    choices = max(part.choices for part in parts) if all(part.choices for part in parts) else 0
    return Texts(splits, choices, max(part.new_tokens for part in parts), max(part.samples for part in parts))
