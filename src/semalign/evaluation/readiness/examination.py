"""The checks of one benchmark, or of one part of a mixture, as one or two models read it."""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from semalign.benchmarks.base import Example
from semalign.benchmarks.chats import as_read
from semalign.benchmarks.encoding import Encoded
from semalign.benchmarks.fitting import Reader
from semalign.benchmarks.special_tokens import special_texts
from semalign.config.base import Split
from semalign.config.checks import CheckSettings
from semalign.evaluation.readiness import fidelity, lines
from semalign.evaluation.readiness.cuts import Comparer, Difference, encode_all
from semalign.evaluation.readiness.lengths import TooLong, requests_too_long, room_of, texts_too_long
from semalign.evaluation.readiness.reach import Missed, judge, missed, speak
from semalign.evaluation.readiness.speaker import Need, Said
from semalign.runtime.errors import Problems

logger = logging.getLogger("semalign")


@dataclass(frozen=True)
class Group:
    """Models that read and end texts alike, by role; `reader` is the one with the smallest context."""

    roles: tuple[str, ...]
    reader: Reader
    ends: set[int]

    @property
    def words(self) -> str:
        """The roles in words."""
        return " and ".join(f"the {role}" for role in self.roles)


class Examination:
    """Checks one part; `problems` collects a line for each kind of problem, `report` what was found."""

    def __init__(
        self,
        name: str,
        splits: Mapping[Split, tuple[Path, list[Example]]],
        readers: Mapping[str, Reader],
        groups: list[Group],
        checks: CheckSettings,
        problems: Problems,
    ) -> None:
        self.name, self.splits, self.readers, self.groups = name, splits, readers, groups
        self.checks, self.problems = checks, problems
        self.encoded = {split: encode_all(examples, readers) for split, (_, examples) in splits.items()}
        self.report: dict[str, Any] = {}

    def run(self) -> None:
        """Describe every split, then compare cuts, hold lengths against contexts, and let the references answer."""
        for split, (_, examples) in self.splits.items():
            self.report[split] = _described(examples, self.encoded[split], self.readers)
        if len(self.readers) > 1:
            self._compare_cuts()
        for group in self.groups:
            self._check_special(group)
            self._check_reading(group)
            self._check_answers(group, self._check_lengths(group))

    def _compare_cuts(self) -> None:
        comparer = Comparer(*self.readers.values())
        found: list[Difference] = []
        for split, (_, examples) in self.splits.items():
            cuts = comparer.compare(split, examples, *self.encoded[split].values())
            answers, prompts = len(cuts.answers), cuts.prompts
            self.report[split] |= {"answers_cut_differently": answers, "prompts_cut_differently": prompts}
            if split in self.checks.uses:
                found += cuts.answers
            if prompts or (answers and split not in self.checks.uses):
                line = lines.harmless(self.name, split, answers, prompts, len(examples))
                logger.warning("warning: %s", line)
        if found:
            uses = list(dict.fromkeys(name for each in found for name in self.checks.uses[each.split]))
            items = sum(len(self.splits[split][1]) for split in self.checks.uses)
            self.problems.add(lines.cut_differently(self.name, found, items, uses))

    def _check_special(self, group: Group) -> None:
        """Look for special tokens where a text should have none."""
        found = [
            (split, example.id, problem)
            for split, (_, examples) in self.splits.items()
            for example in examples
            for problem in special_texts(as_read(example, group.reader.tokenizer), group.reader.tokenizer)[:1]
        ]
        if found:
            items = sum(len(examples) for _, examples in self.splits.values())
            self.problems.add(lines.special(self.name, *found[0], len(found), items, group.words))

    def _check_reading(self, group: Group) -> None:
        """Say where a model reads another text than is written; refuse tokens that it has no embedding of."""
        encoded = {split: texts[group.roles[0]] for split, texts in self.encoded.items()}
        for line in fidelity.warnings_of(group.reader, self.splits, encoded):
            logger.warning("warning: benchmarks.%s: %s", self.name, lines.read_by(line, group.words))
        if found := fidelity.beyond(encoded, group.reader.rows, self.splits):
            token = group.reader.tokenizer.convert_ids_to_tokens(found[2])
            self.problems.add(lines.without_row(self.name, *found, token, group.reader.rows, group.words))

    def _check_lengths(self, group: Group) -> set[str]:
        """Return the ids of examples that are too long."""
        found = [
            each
            for split, (_, examples) in self.splits.items()
            for each in texts_too_long(
                split, examples, self.encoded[split][group.roles[0]], group.reader.context
            )
        ]
        if found:
            context = group.reader.context
            self.problems.add(lines.text_too_long(self.name, found, group.words, context, self.checks))
        return {each.example for each in found}

    def _check_answers(self, group: Group, known: set[str]) -> None:
        needs: dict[str, Need] = {}
        said: dict[str, Said] = {}
        long: list[TooLong] = []
        wrong: list[Missed] = []
        settings = self.checks.evaluation
        for split in self.checks.scored:
            path, examples = self.splits[split]
            speaker, records = speak(group.reader, group.ends, self.name, path, settings)
            by_id = {example.id: example for example in examples}
            long += requests_too_long(split, speaker.needs, group.reader.context, known)
            of_split = missed(split, judge(records, by_id, settings), speaker.said, by_id, settings)
            wrong += of_split
            needs |= speaker.needs
            said |= speaker.said
            longest = max(need.positions for need in speaker.needs.values())
            self.report[split].setdefault("scored", {})[", ".join(group.roles)] = {
                "longest_request": longest,
                "unreachable": len(of_split),
                "first_unreachable": asdict(of_split[0]) if of_split else None,
            }
        room = room_of(needs, said, group.reader)
        if long and not (known and room is None):  # a text that is too long itself has its own line
            context = group.reader.context
            self.problems.add(
                lines.request_too_long(self.name, long, group.words, context, room, self.checks)
            )
        if wrong:
            self._tell_unreachable(wrong, said)

    def _tell_unreachable(self, wrong: list[Missed], said: Mapping[str, Said]) -> None:
        items = sum(len(self.splits[split][1]) for split in self.checks.scored)
        longest = max((each.tokens for each in said.values()), default=0)
        line = lines.unreachable(self.name, wrong, items, longest, self.checks)
        if self.checks.unreachable.get(self.name) == "report":
            logger.warning("warning: %s", line)
        else:
            self.problems.add(line)


def _described(
    examples: list[Example], encoded: Mapping[str, list[Encoded]], readers: Mapping[str, Reader]
) -> dict[str, Any]:
    """Number and lengths of a split's examples, and its first example as each model reads it."""
    first = examples[0]
    ids = {role: _first(first, items[0], readers[role].tokenizer) for role, items in encoded.items()}
    return {
        "examples": len(examples),
        "longest": {role: max(len(item.input_ids) for item in items) for role, items in encoded.items()},
        "first": {"id": first.id, "text": first.prompt + first.answer, **ids},
    }


def _first(example: Example, encoded: Encoded, tokenizer: Any) -> dict[str, Any]:
    """The tokens of an example; of a chat also its text, and the places of its earlier answers."""
    tokens = {"ids": encoded.input_ids, "answer_start": encoded.answer_start}
    if example.messages is None:
        return tokens
    text = as_read(example, tokenizer)
    return {**tokens, "turns": encoded.turns, "text": text.prompt + text.answer}
