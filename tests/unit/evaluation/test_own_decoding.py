"""Limit and stop strings of a user's own task follow from the references."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from lm_eval.api.instance import Instance

from semalign.benchmarks.base import Example, write_split
from semalign.benchmarks.fitting import Reader
from semalign.config.evaluation import EvaluationSettings
from semalign.evaluation.harness import load_task
from semalign.evaluation.language_model import StudyModel
from semalign.evaluation.own_decoding import own_limit, usable_stops
from semalign.evaluation.readiness.speaker import Speaker, ends_in
from semalign.models.loading import load_model, load_tokenizer
from semalign.runtime.errors import UserError

BLANK, CODE = ["\n\n"], ["\n\n\n", "```", "\nprint"]


@pytest.mark.parametrize(
    ("stops", "answers", "usable"),
    [
        (BLANK, ["a", "a\nb"], ["\n\n"]),
        (BLANK, ["a\n\nb", "c"], ["\n\n\n"]),
        (BLANK, ["a\n\n\n\nb"], ["\n\n\n\n\n"]),
        (BLANK, [], ["\n\n"]),
        (CODE, ["    return x"], CODE),
        (CODE, ["    x = 1\n\n\n    return x\nprint(1)"], ["\n\n\n\n", "```"]),
    ],
)
def test_stop_strings_occur_in_no_answer(stops: list[str], answers: list[str], usable: list[str]) -> None:
    assert usable_stops(stops, answers) == usable


@pytest.mark.parametrize(
    ("prompt", "answer", "context", "limit"),
    [
        (10, 4, 256, 4 + 16),
        (10, 100, 256, 150),
        (200, 40, 256, 56),  # no more than the context has room for
        (200, 56, 256, 84),  # the reference itself does not fit with eos
    ],
)
def test_the_limit_holds_the_longest_reference_and_fits_if_it_can(
    pico_pair: tuple[Path, Path], prompt: int, answer: int, context: int, limit: int
) -> None:
    items = [Example("long", "p", "a" * answer), Example("short", "p" * prompt, "a")]
    assert own_limit(items, Reader("m", load_tokenizer(pico_pair[0]), context)) == limit


def test_a_task_has_the_limit_and_stops_of_all_splits_unless_settings_say_otherwise(
    tmp_path: Path, pico_pair: tuple[Path, Path]
) -> None:
    write_split(tmp_path, "train", [Example("a", "p", " " + "b" * 39)])
    write_split(tmp_path, "test", [Example("c", "p", " a\n\nb")])
    reader = Reader("m", load_tokenizer(pico_pair[0]), 256)
    task = load_task("mine", tmp_path / "test.jsonl", EvaluationSettings(), reader)
    assert task.config.generation_kwargs == {"do_sample": False, "max_gen_toks": 60, "until": ["\n\n\n"]}
    settings = EvaluationSettings(max_new_tokens={"mine": 7})
    assert (
        load_task("mine", tmp_path / "test.jsonl", settings, reader).config.generation_kwargs["max_gen_toks"]
        == 7
    )


@pytest.mark.parametrize("reference", [" ab", " ab cd</s>ef", " a\n\nb", " " + "é" * 9, " x Question: y", ""])
@pytest.mark.parametrize("limit", [3, 12, 40])
def test_a_speaker_writes_what_the_model_would(
    pico_pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, reference: str, limit: int
) -> None:
    """A model that is made to generate the reference's tokens gives the same text as the speaker."""
    import torch

    model, tokenizer = load_model(pico_pair[1]), load_tokenizer(pico_pair[1])
    tokens = tokenizer(reference, add_special_tokens=False)["input_ids"]

    def generate(context: torch.Tensor, stopping_criteria: Any, **_: Any) -> torch.Tensor:
        for token in [*tokens, tokenizer.eos_token_id][:limit]:
            context = torch.cat([context, torch.tensor([[token]])], dim=1)
            if token == tokenizer.eos_token_id or bool(stopping_criteria(context, None)[0]):
                break
        return context

    monkeypatch.setattr(model, "generate", generate)
    options = {"until": ["\n\n", "Question:"], "max_gen_toks": limit, "do_sample": False}
    request = Instance("generate_until", {"id": "1"}, ("Prompt", options), 0)
    [written] = StudyModel(model, tokenizer, 1).generate_until([request])
    speaker = Speaker(Reader("m", tokenizer, 256), ends_in(pico_pair[1], tokenizer), lambda _item: reference)
    assert speaker.generate_until([request]) == [written]


@pytest.mark.parametrize("limit", [255, 256, 4000])
def test_more_new_tokens_than_the_context_is_one_line(pico_pair: tuple[Path, Path], limit: int) -> None:
    model = StudyModel(load_model(pico_pair[1]), load_tokenizer(pico_pair[1]), 1)
    request = Instance("generate_until", {}, ("Prompt", {"until": [], "max_gen_toks": limit}), 0)
    with pytest.raises(
        UserError, match=r"prompt 'Prompt': found .* positions with its answer, expected at most"
    ):
        model.generate_until([request])


def test_ends_are_those_of_the_generation_config(tmp_path: Path, pico_pair: tuple[Path, Path]) -> None:
    from semalign.runtime.files import write_json

    tokenizer = SimpleNamespace(eos_token_id=2)
    assert ends_in(pico_pair[0], tokenizer) == {2}
    write_json(tmp_path / "generation_config.json", {"eos_token_id": [5, 6]})
    assert ends_in(tmp_path, tokenizer) == {2, 5, 6}
