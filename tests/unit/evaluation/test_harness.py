"""Scoring through lm-eval: the same numbers as direct computation, whatever the batch, without a network."""

import logging
import socket
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lm_eval.api.instance import Instance
from lm_eval.api.model import LM
from transformers import PreTrainedTokenizerFast

from semalign.benchmarks.base import Example, write_split
from semalign.benchmarks.encoding import encode, encode_prompt
from semalign.benchmarks.numbers import last_number
from semalign.config.evaluation import EvaluationSettings
from semalign.evaluation import harness
from semalign.evaluation.items import ItemRecord
from semalign.evaluation.language_model import StopStrings, StudyModel
from semalign.models.loading import load_model, load_tokenizer
from semalign.runtime.errors import UserError

COLOURS = [" red", " tan", " sky", " jet"]
SIGNATURE = "def f(x):"
ITEMS = {
    "facts": [
        Example(f"facts-{i}", f"Q: {'so ' * i}which? \nA:", COLOURS[i % 4], choices=COLOURS, gold=i % 4)
        for i in range(8)
    ],
    "arithmetic": [
        Example(
            f"sum-{i}", f"Question: {'so ' * i}{i} + 1?\nAnswer:", f" {i} + 1 #### {i + 1}", target=str(i + 1)
        )
        for i in range(7)
    ],
    "completion": [
        Example(
            f"body-{i}",
            f'{SIGNATURE}\n    """Add {i}."""',
            f"\n    return x + {i}",
            tests=[f"assert f(2) == {i + 2}"],
            entry_point="f",
            prefix=f'{SIGNATURE}\n    """Add {i}."""',
        )
        for i in range(3)
    ],
    "synthesis": [
        Example(
            f"whole-{i}",
            f"Write a function f that adds {i}.",
            f"\n{SIGNATURE}\n    return x + {i}",
            tests=[f"assert f(2) == {i + 2}"],
            entry_point="f",
        )
        for i in range(3)
    ],
}
CODE = ("completion", "synthesis")


@pytest.fixture(scope="module")
def benchmarks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Split file of each task."""
    root = tmp_path_factory.mktemp("benchmarks")
    for name, examples in ITEMS.items():
        write_split(root / name, "test", examples)
    return {name: root / name / "test.jsonl" for name in ITEMS}


@pytest.fixture
def student(pico_pair: tuple[Path, Path]) -> tuple[Any, Any]:
    """A tiny model that generates printable characters (only their logits are far from 0), and its tokenizer."""
    model, tokenizer = load_model(pico_pair[1]), load_tokenizer(pico_pair[1])
    for token, i in tokenizer.get_vocab().items():
        if len(token) > 1 or not token.isascii():
            model.lm_head.weight[i] = 0
    return model, tokenizer


def settings(**options: Any) -> EvaluationSettings:
    return EvaluationSettings(**{"max_new_tokens": {"arithmetic": 12, "completion": 12}, **options})


class Oracle(LM):
    """A model that answers with the references, or with empty texts."""

    def __init__(self, knows: bool) -> None:
        super().__init__()
        self.knows = knows

    def loglikelihood(self, requests: list[Instance]) -> list[tuple[float, bool]]:
        return [(float((r.args[1] == r.doc["answer"]) == self.knows), False) for r in requests]

    def generate_until(self, requests: list[Instance]) -> list[str]:
        return [r.doc["answer"] if self.knows else "" for r in requests]

    def loglikelihood_rolling(self, requests: list[Instance]) -> list[float]:
        raise NotImplementedError


@pytest.mark.parametrize("knows", [True, False])
@pytest.mark.parametrize("task", ["facts", "arithmetic"])
def test_oracle_is_right_and_stub_wrong(benchmarks: dict[str, Path], task: str, knows: bool) -> None:
    records = harness.run_task(Oracle(knows), task, benchmarks[task], settings())
    assert [record.id for record in records] == [example.id for example in ITEMS[task]]
    assert {record.correct for record in records} == {float(knows)}


@pytest.mark.parametrize("knows", [True, False])
@pytest.mark.parametrize("task", CODE)
def test_oracle_code_passes_and_stub_fails(benchmarks: dict[str, Path], task: str, knows: bool) -> None:
    from semalign.evaluation.sandbox.code import score_code

    records = harness.run_task(Oracle(knows), task, benchmarks[task], settings())
    assert {record.correct for record in records} == {None}
    chosen = settings(sandbox={"allow_weak_isolation": True})
    scored, isolation = score_code(records, ITEMS[task], chosen)
    assert {record.correct for record in scored} == {float(knows)}
    assert all((record.verdict == "passed") == knows for record in scored)
    assert isolation


def test_loglikelihoods_equal_direct_float64(student: tuple[Any, Any]) -> None:
    model, tokenizer = student
    double = type(model)(model.config).double().eval()
    double.load_state_dict({name: tensor.double() for name, tensor in model.state_dict().items()})
    pairs = [(example.prompt, choice) for example in ITEMS["facts"] for choice in COLOURS]
    requests = [Instance("loglikelihood", {}, pair, i) for i, pair in enumerate(pairs)]
    found = StudyModel(model, tokenizer, 5).loglikelihood(requests)
    for (prompt, choice), (value, _greedy) in zip(pairs, found, strict=True):
        encoded = encode(Example("", prompt, choice), tokenizer)
        ids = torch.tensor(encoded.input_ids[:-1])  # without eos
        with torch.no_grad():
            logs = double(ids[None]).logits[0].log_softmax(-1)
        start = encoded.answer_start
        direct = logs[start - 1 : -1].gather(1, ids[start:, None]).sum().item()
        assert value == pytest.approx(direct, abs=1e-4)


def test_a_space_at_the_prompts_end_stays_there(student: tuple[Any, Any]) -> None:
    model, tokenizer = student
    lm = StudyModel(model, tokenizer, 1)
    encoded = encode(Example("", "A: ", "red"), tokenizer)
    prompt, answer = lm._encode_pair("A: ", "red")
    assert prompt == encoded.input_ids[: encoded.answer_start]
    assert [*prompt, *answer, tokenizer.eos_token_id] == encoded.input_ids


def greedy(model: Any, tokenizer: Any, prompt: str, stops: list[str], tokens: int) -> str:
    """Greedy decoding of one prompt, with one full forward pass per token."""
    ids, text = encode_prompt(prompt, tokenizer), ""
    start = len(ids)
    for _ in range(tokens):
        with torch.no_grad():
            ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
        if ids[-1] == tokenizer.eos_token_id:
            break
        text = tokenizer.decode(ids[start:], skip_special_tokens=True)
        found = [text.index(stop) for stop in stops if stop in text]
        if found:
            return text[: min(found)]
    return text


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_generations_equal_a_direct_greedy_loop(
    student: tuple[Any, Any], benchmarks: dict[str, Path], batch_size: int
) -> None:
    model, tokenizer = student
    records = harness.evaluate(
        *student, "arithmetic", benchmarks["arithmetic"], settings(batch_size=batch_size)
    )
    for example, record in zip(ITEMS["arithmetic"], records, strict=True):
        assert record.response == greedy(model, tokenizer, example.prompt, ["\n", "Question:"], 12)


def test_rows_stop_at_their_own_stop_strings(student: tuple[Any, Any]) -> None:
    """The stop strings occur in the generated text, at different steps in different rows."""
    model, tokenizer = student
    prompts = [example.prompt for example in ITEMS["arithmetic"]]
    free = [greedy(model, tokenizer, prompt, [], 12) for prompt in prompts]
    stops = sorted({text[i : i + 2] for i, text in enumerate(free) if len(text) > i + 2})
    requests = [
        Instance("generate_until", {}, (prompt, {"until": list(stops), "max_gen_toks": 12}), 0)
        for prompt in prompts
    ]
    found = StudyModel(model, tokenizer, 4).generate_until(requests)
    assert found == [greedy(model, tokenizer, prompt, stops, 12) for prompt in prompts]
    assert found != free


def test_one_stop_string_ends_one_row(student: tuple[Any, Any]) -> None:
    """Any of the strings ends a row if it is in the row's generated text; the other rows continue."""
    model, tokenizer = student
    prompt, texts = "ab\n", ["xxx\nde", "xxxxyy", "xab\nxx"]
    ids = [tokenizer(prompt + text, add_special_tokens=False)["input_ids"] for text in texts]
    width = min(map(len, ids))
    stopping = StopStrings(StudyModel(model, tokenizer, 1), ["\nde", "yy", "b\nab"], len(prompt))
    assert stopping(torch.tensor([row[:width] for row in ids]), None).tolist() == [True, True, False]
    assert stopping(torch.tensor([row[: len(prompt) + 2] for row in ids]), None).tolist() == [False] * 3


def test_a_row_ends_at_the_token_that_ends_a_stop_string(student: tuple[Any, Any]) -> None:
    """Decoding after a few tokens only gives the same as decoding every prefix, including broken characters."""
    model, tokenizer = student
    strings = ["\nde", "yy", "é", "b\nab"]
    random = np.random.default_rng(0)
    letters = tokenizer("\ndeyéab", add_special_tokens=False)["input_ids"]
    scorer, ended = StudyModel(model, tokenizer, 1), 0
    for row in random.choice(letters, size=(60, 24)).tolist():
        stopping = StopStrings(scorer, strings, 0)
        slow = (any(s in scorer.tok_decode(row[: end + 1]) for s in strings) for end in range(len(row)))
        fast = (bool(stopping(torch.tensor([row[: end + 1]]), None)[0]) for end in range(len(row)))
        first = next((end for end, found in enumerate(slow) if found), None)
        assert next((end for end, found in enumerate(fast) if found), None) == first
        ended += first is not None
    assert 10 < ended < 60


def test_the_models_own_generation_config_has_no_say(
    student: tuple[Any, Any], benchmarks: dict[str, Path]
) -> None:
    model, tokenizer = student
    plain = harness.evaluate(model, tokenizer, "arithmetic", benchmarks["arithmetic"], settings())
    model.generation_config.update(do_sample=True, temperature=5.0, top_k=3, repetition_penalty=3.0)
    assert harness.evaluate(model, tokenizer, "arithmetic", benchmarks["arithmetic"], settings()) == plain
    assert model.generation_config.repetition_penalty == 3.0


def test_generation_ends_at_the_models_own_ends(
    student: tuple[Any, Any], benchmarks: dict[str, Path]
) -> None:
    """A second end token of a chat model, listed only in its generation_config, ends an answer."""
    model, tokenizer = student
    plain = harness.evaluate(model, tokenizer, "arithmetic", benchmarks["arithmetic"], settings())
    third = tokenizer(plain[0].response, add_special_tokens=False)["input_ids"][2]
    model.generation_config.eos_token_id = [tokenizer.eos_token_id, third]
    ended = harness.evaluate(model, tokenizer, "arithmetic", benchmarks["arithmetic"], settings())
    assert len(ended[0].response) <= 3 < len(plain[0].response)


@pytest.mark.parametrize("task", ["facts", "completion"])
def test_scores_do_not_depend_on_the_batch(
    student: tuple[Any, Any], benchmarks: dict[str, Path], task: str
) -> None:
    runs = [harness.evaluate(*student, task, benchmarks[task], settings(batch_size=n)) for n in (1, 3, 64)]
    assert runs[0] == runs[1] == runs[2]
    assert len({(record.response, record.correct) for record in runs[0]}) > 1


def test_max_new_tokens_of_a_benchmark(student: tuple[Any, Any], benchmarks: dict[str, Path]) -> None:
    short = settings(max_new_tokens={"completion": 2})
    records = harness.evaluate(*student, "completion", benchmarks["completion"], short)
    assert max(len(record.response) for record in records) <= 2  # the tiny model's tokens are bytes
    assert harness.describe("completion", benchmarks["completion"], short)["decoding"]["max_gen_toks"] == 2


def test_description_says_what_moves_scores(benchmarks: dict[str, Path]) -> None:
    facts = harness.describe("facts", benchmarks["facts"], settings(batch_size=7))
    expected = {"task": "facts", "metric": "accuracy", "shots": 0, "batch_size": 7, "dtype": "float32"}
    assert expected.items() <= facts.items()
    assert {"task_version", "lm_eval", "decoding", "split", "chat_template"} <= facts.keys()


def test_nothing_is_fetched_cached_or_printed(
    student: tuple[Any, Any],
    benchmarks: dict[str, Path],
    monkeypatch: Any,
    tmp_path: Path,
    capfd: Any,
    caplog: Any,
) -> None:
    import datasets

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("fetched or cached")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(datasets, "load_dataset", refuse)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.chdir(tmp_path)
    for task, path in benchmarks.items():
        assert harness.evaluate(*student, task, path, settings())
    assert list(tmp_path.iterdir()) == []
    assert (capfd.readouterr(), caplog.records) == (("", ""), [])
    assert logging.getLogger("lm_eval").level != logging.ERROR


def test_errors_of_users_are_one_line(
    student: tuple[Any, Any], benchmarks: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="no such split file"):
        harness.evaluate(*student, "facts", tmp_path / "absent.jsonl", settings())


@pytest.mark.parametrize("task", ["facts", "arithmetic"])
def test_prompts_that_do_not_fit_are_refused(student: tuple[Any, Any], tmp_path: Path, task: str) -> None:
    example = ITEMS[task][0]
    long = Example("long", "so " * 90 + example.prompt, example.answer, example.choices, 0, example.target)
    write_split(tmp_path, "test", [long])
    with pytest.raises(UserError, match="at most the model's 256"):
        harness.evaluate(*student, task, tmp_path / "test.jsonl", settings())


def test_tokenizer_without_end_is_refused(student: tuple[Any, Any], pico_pair: Any) -> None:
    tokenizer = load_tokenizer(pico_pair[1])
    tokenizer.eos_token = None
    with pytest.raises(UserError, match="no eos token"):
        StudyModel(student[0], tokenizer, 1)


def spaced_tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer like Llama-2's: it adds a space before every text, and removes it from every decoded one."""
    from tokenizers import Tokenizer, decoders, models, normalizers

    pieces = ["<unk>", "<s>", "</s>", "▁", *"abcdefghijklmnopqrstuvwxyz:()\n"]
    model = models.BPE(vocab={piece: i for i, piece in enumerate(pieces)}, merges=[], unk_token="<unk>")
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.Fuse(), decoders.Strip(content=" ", left=1, right=0)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )


def test_the_first_space_of_an_answer_survives_decoding(student: tuple[Any, Any]) -> None:
    tokenizer = spaced_tokenizer()
    lm = StudyModel(student[0], tokenizer, 1)
    answer = "    return x"
    ids = lm.tok_encode(answer, add_special_tokens=False)
    assert tokenizer.decode(ids) != answer  # the trap
    assert lm.tok_decode([*ids, tokenizer.eos_token_id]) == answer


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("3 + 4 = 7", 7),
        ("5-3", 3),
        ("so -3", -3),
        ("#### 1,234.", 1234),
        ("7.50", Decimal("7.5")),
        ("no", None),
    ],
)
def test_last_number(text: str, number: Any) -> None:
    assert last_number(text) == number


def test_records_of_choices_name_the_choice(student: tuple[Any, Any], benchmarks: dict[str, Path]) -> None:
    for record in harness.evaluate(*student, "facts", benchmarks["facts"], settings()):
        assert isinstance(record, ItemRecord)
        assert record.response in COLOURS
        assert record.correct == float(record.response == record.expected)
