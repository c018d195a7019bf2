"""Measures of free text: the lenient match, token F1, and the likelihood of the references."""

import math
import random
from pathlib import Path

import pytest
import torch
from chat_cases import example
from lm_eval.tasks.tydiqa.utils import f1_score, normalize_answer
from scored_cells import evaluate_cell

from semalign.benchmarks.base import Example, write_split
from semalign.benchmarks.encoding import encode_answer, encode_prompt
from semalign.evaluation.free_text import matches, plain, token_f1
from semalign.evaluation.items import ItemRecord, read_items
from semalign.evaluation.stage import extract_reference
from semalign.models.loading import load_model, load_tokenizer
from semalign.models.transfers import write_transfer
from semalign.runtime.files import read_json, write_json
from semalign.runtime.provenance import Run

WORDS = [
    "The",
    "cat",
    "a",
    "An",
    "sat,",
    "on",
    "(the)",
    "mat.",
    "it's",
    "theory",
    "no-one",
    "“so”",
    "x_y",
    "€",
]


LINES = (  # a chat template of roles and texts
    "{% for turn in messages %}{{ turn['role'] }}|{{ turn['content'] }}MARK{% endfor %}"
    "{% if add_generation_prompt %}assistant|{% endif %}"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  The\tCat. ", "cat"),
        ("Café au lait!", "cafe au lait"),
        ("cafe\u0301", "cafe"),
        ("3.5 km", "3.5 km"),
        ("1,600 km", "1600 km"),
        ("-4", "-4"),
        ("\u22124", "-4"),
        ("2024-05-01", "2024-05-01"),
        ("page 3-", "page 3"),
        ("\u304c", "\u304c"),  # the voicing mark of Japanese is no accent
        ("?!", ""),
    ],
)
def test_the_normal_form_of_a_text(text: str, expected: str) -> None:
    assert plain(text) == expected


def test_english_words_are_compared_as_squads_script_compares_them() -> None:
    draw = random.Random(0)
    for _ in range(200):
        left, right = (" ".join(draw.choices(WORDS, k=draw.randint(1, 8))) for _ in range(2))
        assert plain(left) == normalize_answer(left, "en")
        assert token_f1(plain(left), plain(right)) == pytest.approx(f1_score(left, right, "en"))


@pytest.mark.parametrize(
    ("response", "expected", "exact", "lenient", "f1"),
    [
        (" Paris", " Paris", 1.0, 1.0, 1.0),
        ("paris.\nmore", " Paris", 0.0, 1.0, 1.0),
        ("the city of Paris", " Paris", 0.0, 0.0, 0.5),
        ("x\nParis", " Paris", 0.0, 0.0, 0.0),
        ("8 + 8 = 16", "16", 1.0, 1.0, 1.0),
        ("1.6", "16", 0.0, 0.0, 0.0),
        ("!", "?", 0.0, 0.0, 0.0),
        ("?", "?", 1.0, 1.0, 1.0),
        ("", " Paris", 0.0, 0.0, 0.0),
        ("One\n\nTWO\nthree", "one\n\ntwo", 0.0, 1.0, 1.0),
    ],
)
def test_matches_of_a_response(response: str, expected: str, exact: float, lenient: float, f1: float) -> None:
    found = matches(ItemRecord("a", exact, response, expected))
    assert (found.lenient, found.token_f1) == (lenient, pytest.approx(f1))


def scored(folder: Path, pair: tuple[Path, Path], examples: list[Example]) -> Path:
    """A scored cell of the untouched student."""
    teacher, student = pair
    write_split(folder / "mine", "test", examples)
    Run("benchmark").seal(folder / "mine")
    settings = folder / "settings.json"
    write_json(settings, {"batch_size": 2})
    out = folder / "cell"
    write_transfer(out / "transfer", "untouched", "student")
    Run("transfer").seal(out / "transfer", {"cost": {}})
    extract_reference(teacher, folder / "mine", settings, folder / "reference")
    evaluate_cell(student, teacher, out / "transfer", folder / "mine", folder / "reference", settings, 0, out)
    return out


@pytest.fixture
def cell(tmp_path: Path, sealed_pair: tuple[Path, Path]) -> Path:
    """A scored cell of four free-text items, one of which has a target."""
    examples = [Example(f"mine-{i}", f"Q{i}?", f" answer {i}") for i in range(3)]
    examples.append(Example("mine-3", "How many?", " in all 7", target="7"))
    return scored(tmp_path, sealed_pair, examples)


def test_a_cell_of_free_text_has_all_measures(cell: Path, sealed_pair: tuple[Path, Path]) -> None:
    records = read_items(cell / "items.jsonl")
    assert [record.prompt for record in records] == ["Q0?", "Q1?", "Q2?", "How many?"]
    assert [(record.expected, record.reference) for record in records[2:]] == [
        (" answer 2", None),
        ("7", "in all 7"),
    ]
    nats = [
        _slow_nats(sealed_pair[1], one, two)
        for one, two in (("Q0?", " answer 0"), ("How many?", " in all 7"))
    ]
    assert [records[0].reference_nats, records[3].reference_nats] == pytest.approx(nats, rel=1e-4)
    assert [record.reference_characters for record in records] == [9, 9, 9, 9]
    metrics = read_json(cell / "metrics.json")
    bits = [-(record.reference_nats or 0) / math.log(2) / 9 for record in records]
    assert metrics["bits_per_character"] == pytest.approx(sum(bits) / 4)
    assert metrics["lenient"] == 25 * sum(record.lenient or 0 for record in records)
    assert metrics["token_f1"] == pytest.approx(25 * sum(record.token_f1 or 0 for record in records))


@pytest.mark.parametrize("mark", ["", "</s>", "<pad>"])
def test_the_reference_of_a_chat_is_likely_after_the_prompt_of_its_template(
    tmp_path: Path, sealed_pair: tuple[Path, Path], mark: str
) -> None:
    item = example(template=LINES.replace("MARK", mark))
    [record] = read_items(scored(tmp_path, sealed_pair, [item]) / "items.jsonl")
    prompt = f"system|Be brief.{mark}user|Hi.{mark}assistant|a b.{mark}user|More?{mark}assistant|"
    assert record.prompt == prompt and record.reference_characters == len("c d")
    assert record.reference_nats == pytest.approx(_slow_nats(sealed_pair[1], prompt, "c d"), rel=1e-4)


def _slow_nats(folder: Path, prompt: str, answer: str) -> float:
    """Log-likelihood of an answer, token by token, in float64."""
    model, tokenizer = load_model(folder), load_tokenizer(folder)
    ids, total = encode_prompt(prompt, tokenizer), 0.0
    for token in encode_answer(answer, tokenizer):
        with torch.no_grad():
            total += model(torch.tensor([ids])).logits[0, -1].double().log_softmax(-1)[token].item()
        ids = [*ids, token]
    return total
