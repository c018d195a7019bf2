"""One record per item, and the metrics of a cell computed from the records."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from semalign.evaluation.likelihood import bits_per_character, further_figures, mean_bits
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_jsonl, write_jsonl

ITEMS = "items.jsonl"
OCCASIONAL = (
    *("more_responses", "more_verdicts", "subject", "other_extractions", "prompt"),
    *("lenient", "token_f1", "reference", "reference_nats", "reference_characters"),
)


@dataclass(frozen=True)
class ItemRecord:
    """Result of one item.

    `correct` is 0 or 1 (a share for pass@1 over samples; None for code that has no verdict yet), `response`
    what the model chose or wrote, `expected` the reference, `verdict` the sandbox's verdict on a code item.
    `teacher_kl` (nats) and `teacher_agreement` (share of tokens) are means over `answer_tokens` tokens of the
    reference answer; None if there is no teacher reference. `part` is the benchmark that an item of a mixture
    comes from.

    If several answers were drawn, `response` and `verdict` belong to the first, `more_responses` and
    `more_verdicts` to the others. `subject` is the field of knowledge. `other_extractions` maps the name of each
    further answer extraction to its value of `correct`.

    `prompt` is the item's prompt in the benchmark's split, without the shots of a protocol. Free text also has
    `lenient` and `token_f1` (`semalign.evaluation.free_text`), and the log-likelihood `reference_nats` of its reference
    of `reference_characters` characters. `reference` is that text if `expected` is another one, such as a number in it.

    The keys of the last two paragraphs are stored only if they are not None.
    """

    id: str
    correct: float | None
    response: str
    expected: str
    verdict: str | None = None
    teacher_kl: float | None = None
    teacher_agreement: float | None = None
    answer_tokens: int | None = None
    part: str | None = None
    more_responses: list[str] | None = None
    more_verdicts: list[str] | None = None
    subject: str | None = None
    other_extractions: dict[str, float] | None = None
    prompt: str | None = None
    lenient: float | None = None
    token_f1: float | None = None
    reference: str | None = None
    reference_nats: float | None = None
    reference_characters: int | None = None

    @property
    def responses(self) -> list[str]:
        """Every answer drawn."""
        return [self.response, *(self.more_responses or [])]

    def row(self) -> dict[str, Any]:
        """The record as a row of the file."""
        return {
            key: value for key, value in asdict(self).items() if key not in OCCASIONAL or value is not None
        }


def write_items(path: Path, records: Sequence[ItemRecord]) -> None:
    """Store records as JSON lines, in their order."""
    write_jsonl(path, (record.row() for record in records))


def read_items(path: Path) -> list[ItemRecord]:
    """Read records; raises UserError if a line does not have their keys."""
    try:
        return [ItemRecord(**row) for row in read_jsonl(path)]
    except (TypeError, ValueError) as error:
        raise UserError(f"{path}: not a file of item records ({error})") from None


def summarise(records: Sequence[ItemRecord], metrics: Mapping[str, str]) -> dict[str, Any]:
    """The evaluation's part of a cell's metrics.json; `metrics` maps the name of every task to its metric.

    `score` and `score_stderr` (standard error of the mean over items) are percentages. `teacher_kl` is in
    nats per answer token and `teacher_agreement` a percentage of answer tokens, both weighted by tokens, or
    None if no item was compared. The `score` of a mixture is the unweighted mean of its parts' scores, and `parts`
    holds the metrics of each part. `subjects` (score and number of items of each), `other_extractions` (scores) and the
    measures of free text are present if items have them. Raises UserError if there is nothing to summarise or a verdict
    is missing.
    """
    if len(metrics) == 1:
        return _summarise(records, *metrics.values()) | _breakdown(records) | _free_text(records)
    parts = {}
    for name, metric in metrics.items():
        own = [record for record in records if record.part == name]
        parts[name] = _summarise(own, metric) | _breakdown(own) | _free_text(own)
    variance = sum(part["score_stderr"] ** 2 for part in parts.values())
    return {
        **_summarise(records, "mean of parts"),
        "score": sum(part["score"] for part in parts.values()) / len(parts),
        "score_stderr": math.sqrt(variance) / len(parts),
        "parts": parts,
    }


def _summarise(records: Sequence[ItemRecord], metric: str) -> dict[str, Any]:
    scores = [record.correct for record in records if record.correct is not None]
    if not records or len(scores) != len(records):
        raise UserError(
            f"items: found {len(scores)} scored of {len(records)}, expected all, and at least one"
        )
    mean = sum(scores) / len(scores)
    variance = sum((score - mean) ** 2 for score in scores) / max(len(scores) - 1, 1)
    agreement = _token_mean(records, "teacher_agreement")
    return {
        "score": 100 * mean,
        "score_stderr": 100 * math.sqrt(variance / len(scores)),
        "items": len(scores),
        "metric": metric,
        "teacher_kl": _token_mean(records, "teacher_kl"),
        "teacher_agreement": None if agreement is None else 100 * agreement,
        **further_figures(metric, scores),
    }


def _breakdown(records: Sequence[ItemRecord]) -> dict[str, Any]:
    """Scores per subject and per further answer extraction, in percent."""
    subjects: dict[str, list[float]] = {}
    others: dict[str, list[float]] = {}
    for record in records:
        if record.subject is not None and record.correct is not None:
            subjects.setdefault(record.subject, []).append(record.correct)
        for name, correct in (record.other_extractions or {}).items():
            others.setdefault(name, []).append(correct)
    breakdown: dict[str, Any] = {}
    if subjects:
        breakdown["subjects"] = {
            name: {"score": _percent(scores), "items": len(scores)}
            for name, scores in sorted(subjects.items())
        }
    if others:
        breakdown["other_extractions"] = {name: _percent(scores) for name, scores in others.items()}
    return breakdown


def _free_text(records: Sequence[ItemRecord]) -> dict[str, float]:
    """Lenient match and token F1 in percent, and bits per character of the references, means over the items."""
    figures: dict[str, float] = {}
    for key in ("lenient", "token_f1"):
        if values := [value for record in records if (value := getattr(record, key)) is not None]:
            figures[key] = _percent(values)
    spent = [
        bits_per_character(record.reference_nats, record.reference_characters)
        for record in records
        if record.reference_nats is not None and record.reference_characters
    ]
    return figures | (mean_bits(spent) if spent else {})


def _percent(scores: Sequence[float]) -> float:
    return 100 * sum(scores) / len(scores)


def _token_mean(records: Sequence[ItemRecord], field: str) -> float | None:
    """Mean of a per-item field, weighted by the item's answer tokens; None if no item has it."""
    rows = [(getattr(record, field), record.answer_tokens) for record in records]
    known = [(value, tokens) for value, tokens in rows if value is not None and tokens]
    if not known:
        return None
    return float(sum(value * tokens for value, tokens in known) / sum(tokens for _, tokens in known))
