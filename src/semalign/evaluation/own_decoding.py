"""How answers to a user's own prompts are generated: limit and stop strings follow from the references."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from semalign.benchmarks.fitting import default_limit
from semalign.config.base import SPLITS
from semalign.runtime.files import read_jsonl


def own_decoding(split_file: Path, stops: Sequence[str], tokenizer: Any) -> dict[str, Any]:
    """`max_gen_toks` and `until` for a split file, from the references of all splits in its folder.

    Without a tokenizer, the limit counts bytes.
    """
    files = {split_file, *(split_file.with_name(f"{split}.jsonl") for split in SPLITS)}
    answers = [item["answer"] for file in sorted(files) if file.is_file() for item in read_jsonl(file)]
    return {"max_gen_toks": default_limit(answers, tokenizer), "until": usable_stops(stops, answers)}


def usable_stops(stops: Sequence[str], answers: Iterable[str]) -> list[str]:
    """The stop strings that occur in no answer.

    One that consists of line feeds becomes longer than the longest run of them in any answer.
    """
    answers = list(answers)
    longest = max((len(run) for answer in answers for run in re.findall(r"\n+", answer)), default=0)
    lengthened = ("\n" * max(len(stop), longest + 1) if set(stop) == {"\n"} else stop for stop in stops)
    return [stop for stop in lengthened if not any(stop in answer for answer in answers)]
