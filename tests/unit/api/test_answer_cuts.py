"""Positions of states and targets mean the same text in both models, or a line says where they do not."""

import json
from pathlib import Path

import pytest
import torch
from fabricated_models import VOCABULARY, build_model, write_tokenizer

import semalign
from semalign import UserError
from semalign.api.cuts import cuts_of
from semalign.api.inputs import encoded_by, examples_of

EQUAL = [("1+2=", "33"), ("2+2=", "44")]  # answers of equal lengths


def write_model(folder: Path, layers: int, width: int, pair: tuple[str, str]) -> Path:
    """A random model whose tokenizer joins two letters."""
    build_model("llama", layers=layers, width=width, seed=layers, vocabulary=VOCABULARY + 1).save_pretrained(
        folder
    )
    write_tokenizer(folder)
    path = folder / "tokenizer.json"
    stored = json.loads(path.read_text())
    stored["model"]["vocab"]["".join(pair)] = VOCABULARY
    stored["model"]["merges"] = [list(pair)]
    path.write_text(json.dumps(stored))
    return folder


def test_the_cuts_are_the_texts_of_the_answers_tokens(tmp_path: Path) -> None:
    _, tokenizer = semalign.load(write_model(tmp_path / "joined", 3, 32, ("b", "c")))
    examples = examples_of([("a=", "abc"), ("b=", "é")])
    found = cuts_of(examples, encoded_by(tokenizer, examples)[0], tokenizer)
    assert found[0] == (" ", "a", "bc") and len(found[1]) == 3


def test_targets_of_other_examples_of_equal_lengths_are_refused(pico_pair: tuple[Path, Path]) -> None:
    student = semalign.load(pico_pair[1])
    states = semalign.collect_states(student, EQUAL, [2])
    budget = {"steps": 1, "batch_size": 2}
    with pytest.raises(
        UserError, match=r"row 1: found the answer tokens ' \|3\|3' of the targets and ' \|4\|4' of"
    ):
        semalign.steer(student, EQUAL[::-1], states, optimisation=budget)
    assert semalign.steer(student, EQUAL, states, optimisation=budget).history


def test_as_many_other_tokens_of_the_teacher_are_refused(
    pico_pair: tuple[Path, Path], tmp_path: Path
) -> None:
    teacher = write_model(tmp_path / "teacher", 4, 48, ("a", "b"))
    student = write_model(tmp_path / "student", 3, 32, ("b", "c"))
    rows = [("x=", "abc"), ("y=", "abc")]
    line = r"row 1: found the answer tokens ' \|ab\|c' of the teacher and ' \|a\|bc' of the student"
    with pytest.raises(UserError, match=line):
        semalign.residual_targets(teacher, student, rows)
    pairs = semalign.pair_layers([2], teacher, student)
    states = semalign.collect_states(teacher, rows, pairs)
    targets = semalign.align_states(states, pairs, torch.ones(32, 48, dtype=torch.float64))
    with pytest.raises(UserError, match=r"of the targets and ' \|a\|bc' of the student"):
        semalign.steer(student, rows, targets)
