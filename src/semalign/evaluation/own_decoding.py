"""How answers to a user's own prompts are generated: limit and stop strings follow from the references."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from semalign.benchmarks.base import Example
from semalign.benchmarks.derived import LABELS
from semalign.benchmarks.fitting import Length, Reader, limit_after
from semalign.benchmarks.row_kinds import FENCE
from semalign.config.base import SPLITS
from semalign.runtime.files import read_jsonl


def own_decoding(split_file: Path, stops: Sequence[str], reader: Reader | None) -> dict[str, Any]:
    """`max_gen_toks` and `until` for a split file, from the references of all splits in its folder.

    Of a benchmark with changed answers the original ones count, so that it is scored like the one it is made from.
    """
    labels = split_file.with_name(LABELS)
    original = {"train": labels} if labels.is_file() else {}
    files = {split_file, *(original.get(split, split_file.with_name(f"{split}.jsonl")) for split in SPLITS)}
    items = [Example(**row) for file in sorted(files) if file.is_file() for row in read_jsonl(file)]
    return {
        "max_gen_toks": own_limit(items, reader),
        "until": usable_stops(stops, [item.answer for item in items]),
    }


def own_limit(items: Iterable[Example], reader: Reader | None) -> int:
    """The tokens to generate: the longest reference's, and half as many again or 16 if the context has the room.

    Without a reader, bytes are counted; no text has fewer bytes than tokens.
    """
    if reader is None:
        return limit_after(max((len(item.answer.encode()) for item in items), default=0))
    lengths = [Length.of(item, reader.tokenizer) for item in items]
    longest = max((length.answer for length in lengths), default=0)
    room = reader.context - max((length.prompt for length in lengths), default=0)
    limit = limit_after(longest)
    return min(limit, room) if room > longest else limit


def usable_stops(stops: Sequence[str], answers: Iterable[str]) -> list[str]:
    """The stop strings that occur in no answer.

    One that consists of line feeds becomes longer than the longest run of them in any answer.
    """
    answers = list(answers)
    longest = max((len(run) for answer in answers for run in re.findall(r"\n+", answer)), default=0)
    lengthened = ("\n" * max(len(stop), longest + 1) if set(stop) == {"\n"} else stop for stop in stops)
    inner = [
        answer.rstrip().removesuffix(FENCE) for answer in answers
    ]  # a closing fence is where a program ends
    texts = {True: inner, False: answers}
    return [stop for stop in lengthened if not any(stop in answer for answer in texts[stop == FENCE])]
