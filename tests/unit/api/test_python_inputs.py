"""What the Python interface takes and refuses, and that importing it costs nothing."""

import ast
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import semalign
from semalign import Example, UserError
from semalign.api.inputs import examples_of

ROOT = Path(__file__).parents[3]
PAIRS = [("1+2=", "3"), ("2+2=", "4"), ("3+2= ", "5")]
CHOICE = Example("c", "4+2=", " 6", choices=[" 6", " 7"], gold=0)


def test_importing_semalign_imports_no_library() -> None:
    code = (
        "import sys; import semalign; dir(semalign);"
        "print({'torch', 'transformers', 'numpy', 'pydantic', 'yaml'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_every_public_name_is_typed_and_leads_to_its_home() -> None:
    tree = ast.parse((ROOT / "src/semalign/__init__.py").read_text())
    (guarded,) = (node for node in tree.body if isinstance(node, ast.If))
    typed = {name.name for node in guarded.body if isinstance(node, ast.ImportFrom) for name in node.names}
    assert typed == set(semalign.__all__) - {"__version__"} == set(semalign._HOMES)
    assert all(getattr(semalign, name).__doc__ for name in typed)
    with pytest.raises(AttributeError, match="'bass'"):
        _ = semalign.bass


def test_pairs_are_joined_as_in_a_users_own_file(pico_pair: tuple[Path, Path]) -> None:
    examples = examples_of(PAIRS)
    assert [item.prompt + item.answer for item in examples] == ["1+2= 3", "2+2= 4", "3+2= 5"]
    assert [item.target for item in examples] == ["3", "4", "5"]
    assert len({item.id for item in examples}) == 3
    of_pairs = semalign.collect_states(str(pico_pair[0]), PAIRS, [2])
    of_examples = semalign.collect_states(pico_pair[0], examples, [2], final=True)
    assert torch.equal(of_pairs.layers[2], of_examples.layers[2]) and of_pairs.final is None
    assert of_examples.final is not None
    assert of_examples.final.shape == of_pairs.layers[2].shape == (int(of_pairs.offsets[-1]), 48)


def test_an_adapter_is_scored_with_the_model_and_is_not_put_on_twice(pico_pair: tuple[Path, Path]) -> None:
    student = semalign.load(pico_pair[1])
    before = semalign.collect_states(student, PAIRS, [2])
    targets = semalign.LayerStates({2: -before.layers[2]}, before.offsets)
    budget = {"steps": 4, "batch_size": 3, "learning_rate": 0.05}
    steered = semalign.steer(student, PAIRS, targets, optimisation=budget)
    after = semalign.collect_states((steered.model, student.tokenizer), PAIRS, [2])
    cosine = torch.nn.functional.cosine_similarity
    assert (
        cosine(after.layers[2], targets.layers[2]).mean() > cosine(before.layers[2], targets.layers[2]).mean()
    )
    with pytest.raises(UserError, match="found a model with an adapter"):
        semalign.steer(student, PAIRS, targets)
    with steered.model.disable_adapter():
        again = semalign.collect_states((steered.model, student.tokenizer), PAIRS, [2])
    torch.testing.assert_close(again.layers[2], before.layers[2])
    steered.model.unload()
    twice = semalign.steer(student, PAIRS, targets, optimisation=budget)
    assert twice.history == steered.history


def test_layers_may_be_numbers_of_numpy_and_are_read_once(pico_pair: tuple[Path, Path]) -> None:
    found = semalign.collect_states(pico_pair[0], PAIRS, [np.int64(3), 1, 3])  # type: ignore[list-item]
    assert list(found.layers) == [3, 1]


def refused(what: str, pair: tuple[Path, Path]) -> Callable[[], Any]:
    """A call that must be refused; models are loaded only if it is made."""
    teacher, student = pair
    rows = semalign.LayerStates({1: torch.zeros(9, 48)}, torch.tensor([0, 3, 6, 9]))
    return {
        "kind": lambda: semalign.bases(torch.eye(4), "outputs"),
        "token": lambda: semalign.bases(torch.eye(4), tokens=torch.tensor([1, 4])),
        "width": lambda: semalign.decompose(torch.zeros(1, 3), semalign.bases(torch.eye(4))),
        "top": lambda: semalign.decompose(torch.zeros(4), semalign.bases(torch.eye(4)), top=0),
        "sizes": lambda: semalign.recompose(
            semalign.decompose(torch.ones(4), semalign.bases(torch.eye(4))), semalign.bases(torch.eye(5))
        ),
        "map": lambda: semalign.teacher_to_student_map(teacher, student, "pinvv"),
        "unfitted": lambda: semalign.teacher_to_student_map(teacher, student, "procrustes"),
        "fitted": lambda: semalign.teacher_to_student_map(
            teacher, student, states=(torch.ones(2, 48), torch.ones(2, 32))
        ),
        "model": lambda: semalign.attribute_layers(semalign.load(teacher).model, PAIRS),
        "folder": lambda: semalign.attribute_layers("no/such/folder", PAIRS),
        "none": lambda: semalign.attribute_layers(teacher, []),
        "example": lambda: semalign.attribute_layers(teacher, ["1+2=3"]),  # type: ignore[list-item]
        "answer": lambda: semalign.attribute_layers(teacher, [("1+2=", 3)]),  # type: ignore[list-item]
        "rule": lambda: semalign.pair_layers([1], 4, 3, rule="deep"),  # type: ignore[arg-type]
        "cka": lambda: semalign.pair_layers([1], 4, 3, rule="cka"),
        "layer": lambda: semalign.collect_states(teacher, PAIRS, [5]),
        "unread": lambda: semalign.align_states(rows, semalign.pair_layers([3], 4, 4), torch.zeros(32, 48)),
        "matrix": lambda: semalign.align_states(rows, semalign.pair_layers([1], 4, 4), torch.zeros(48, 32)),
        "same": lambda: semalign.residual_targets(teacher, teacher, PAIRS),
        "lora": lambda: semalign.steer(student, PAIRS, rows, lora={"ranks": 4}),
        "few": lambda: semalign.steer(student, PAIRS, rows, optimisation={"examples": 2}),
        "positions": lambda: semalign.steer(student, PAIRS[:2], rows),
        "targets": lambda: semalign.steer(student, PAIRS, rows),
        "batch": lambda: semalign.evaluate(student, PAIRS, batch_size=0),
        "task": lambda: semalign.evaluate(student, PAIRS, task="mlu"),
        "kinds": lambda: semalign.evaluate(student, [*examples_of(PAIRS), CHOICE]),
        "head": lambda: semalign.bases(torch.ones(4)),
        "no tokens": lambda: semalign.bases(torch.eye(4), tokens=[]),
        "mask": lambda: semalign.bases(torch.eye(4), tokens=torch.tensor([True, False])),
        "not a tensor": lambda: semalign.decompose(rows, semalign.bases(torch.eye(4))),  # type: ignore[arg-type]
        "nan": lambda: semalign.decompose(torch.full((4,), torch.nan), semalign.bases(torch.eye(4))),
        "half": lambda: semalign.decompose(torch.ones(4), semalign.bases(torch.eye(4)), top=2.5),  # type: ignore[arg-type]
        "no layers": lambda: semalign.residual_targets(teacher, student, PAIRS, []),
        "layers as text": lambda: semalign.collect_states(teacher, PAIRS, ["2", 1]),  # type: ignore[list-item]
        "one layer": lambda: semalign.residual_targets(teacher, student, PAIRS, 2),  # type: ignore[arg-type]
        "no batch": lambda: semalign.collect_states(teacher, PAIRS, batch_size=0),
        "deep": lambda: semalign.pair_layers([99], 4, 3),
        "shallow": lambda: semalign.pair_layers([1, 0], 4, 3, rule="segment"),
        "no ranking": lambda: semalign.pair_layers([], 4, 3),
        "no depth": lambda: semalign.pair_layers([1], 4, 0),
        "negative": lambda: semalign.residual_targets(teacher, student, PAIRS, rho=-0.3),
        "not finite": lambda: semalign.residual_targets(teacher, student, PAIRS, rho=torch.nan),
        "swapped": lambda: semalign.teacher_to_student_map(
            teacher, student, "procrustes", states=(torch.ones(9, 32), torch.ones(9, 48))
        ),
        "other positions": lambda: semalign.teacher_to_student_map(
            teacher, student, "procrustes", states=(torch.ones(9, 48), torch.ones(8, 32))
        ),
        "tensors": lambda: semalign.steer(student, PAIRS, rows.layers),  # type: ignore[arg-type]
        "seed": lambda: semalign.steer(student, PAIRS, rows, seed=-1),
    }[what]


REFUSED = {
    "kind": "bases: found 'outputs', expected one of output, input, random",
    "token": "tokens: found 1 without a basis, expected none",
    "width": "states: found width 3, expected the 4 of the bases",
    "top": "top: found 0, expected a whole number from 1 on",
    "sizes": "bases: found 5, expected the 4 of the decomposition",
    "map": "alignment.map: found 'pinvv', expected",
    "unfitted": "states: found none, expected those of both models",
    "fitted": "states: found some, expected none",
    "model": r"model: found LlamaForCausalLM, expected a folder or \(model, tokenizer\)",
    "folder": "no/such/folder",
    "none": "examples: found 0 with 0 ids, expected some",
    "example": r"examples: found str, expected \(prompt, answer\) or Example",
    "answer": "examples: line 1: answer: found a number",
    "rule": "pairing.rule: found 'deep', expected",
    "cka": "examples: found none, expected some with the rule cka",
    "layer": "layers: found 5, expected layers of the model, 1 to 4",
    "unread": "states: found none of layer 3",
    "matrix": "states: found width 48, expected the 32 of the map",
    "same": "residual: found predictions whose total variation is",
    "lora": "lora.ranks",
    "few": "optimisation.examples: found a number, expected none",
    "positions": "targets: found 9 positions of 3 examples, expected 6 of 2",
    "targets": "targets: layer 1: found width 48, expected the student's 32",
    "batch": "evaluate.batch_size",
    "task": "task: found 'mlu', expected one of examples, .*did you mean mmlu",
    "kinds": "examples: found some with choices and some without choices and tests, expected one kind",
    "head": r"head: found \[4\], expected an LM head \[vocabulary, width\]",
    "no tokens": r"tokens: found \[0\]",
    "mask": "tokens: found .*bool, expected ids",
    "not a tensor": r"states: found LayerStates, expected a tensor \[positions, width\]",
    "nan": "states: found values that are not finite",
    "half": "top: found 2.5, expected a whole number from 1 on",
    "no layers": "layers: found none, expected some",
    "layers as text": "layers: found '2', expected a whole number",
    "one layer": r"layers: found 2, expected a list of layers, such as \[1\]",
    "no batch": "batch_size: found 0, expected a whole number from 1 on",
    "deep": "ranking: found 99, expected layers of the model, 1 to 4",
    "shallow": "ranking: found 0, expected a whole number from 1 on",
    "no ranking": "ranking: found none, expected some",
    "no depth": "depth: found 0, expected",
    "negative": "rho: found -0.3, expected a finite number from 0 on",
    "not finite": "rho: found nan, expected a finite number",
    "swapped": r"states: found widths \(32, 48\), expected those of teacher and student, \(48, 32\)",
    "other positions": "states: found 9 positions of the teacher and 8 of the student",
    "tensors": "targets: found dict, expected what align_states or residual_targets returns",
    "seed": "seed: found -1, expected a whole number from 0 on",
}


@pytest.mark.parametrize("what", REFUSED)
def test_mistakes_end_in_a_line(what: str, pico_pair: tuple[Path, Path]) -> None:
    with pytest.raises(UserError, match=REFUSED[what]):
        refused(what, pico_pair)()
