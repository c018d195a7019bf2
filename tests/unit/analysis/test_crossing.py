"""Predictions that a map takes to the student's head, against one state at a time in float64."""

from pathlib import Path

import numpy as np
import pytest
import torch

from semalign.analysis.accumulation import Resampling
from semalign.analysis.crossing import MAPS, CrossingStudy, build_crossings, crossing_table
from semalign.analysis.options import Machine, Table
from semalign.analysis.stage import measure_crossing
from semalign.models.loading import Head, load_model, load_tokenizer, read_head
from semalign.runtime.columns import COLUMNS
from semalign.runtime.errors import UserError
from semalign.signals.semantics.maps import build_map
from semalign.signals.semantics.registry import FITTED_MAPS
from semalign.signals.semantics.registry import MAPS as ALL

TEXTS = ["def f(x):\n    return x + 1", "some words", "the third text is the longest of all"]


def tokens_of(folder: Path) -> list[list[int]]:
    tokenizer = load_tokenizer(folder)
    return [tokenizer(text)["input_ids"] for text in TEXTS]


def uneven(head: Head, seed: int) -> Head:
    """The head with a gain that is not constant."""
    gain = torch.rand(len(head.norm_gain), generator=torch.Generator().manual_seed(seed)) + 0.3
    return Head(head.weight, head.input_embedding, gain)


def test_every_vocabulary_map_is_there_and_nothing_fitted(pico_pair: tuple[Path, Path]) -> None:
    assert set(MAPS) == set(ALL) - set(FITTED_MAPS)
    heads = read_head(pico_pair[0]), read_head(pico_pair[1])
    both = torch.arange(259)
    found = [(c.name, c.folded) for c in build_crossings(*heads, (both, both))]
    folded = {name for name, fold in found if fold}
    assert [name for name, fold in found if not fold] == list(MAPS)
    assert folded == set(MAPS) - {"random", "identity"}


@pytest.mark.parametrize(
    ("name", "folded"), [("pinv", False), ("pinv-raw", True), ("dual", True), ("random", False)]
)
def test_agreement_equals_asking_the_student_state_by_state(
    pico_pair: tuple[Path, Path], name: str, folded: bool
) -> None:
    """Half of the tokens are shared, with other ids; the rest counts as not preserved."""
    teacher, student = (uneven(read_head(folder), seed) for seed, folder in enumerate(pico_pair))
    shared = torch.arange(0, 259, 2), torch.arange(0, 259, 2).flip(0)
    model = load_model(pico_pair[0])
    table = crossing_table(
        model, (teacher, student), shared, tokens_of(pico_pair[0]), resampling=Resampling(50, 3)
    )
    matrix = build_map(name, teacher, student, shared, fold_final_norm=folded, seed=3)
    number = dict(zip(*(ids.tolist() for ids in shared), strict=True))
    hits = []
    for tokens in tokens_of(pico_pair[0]):
        for final in model.model(torch.tensor([tokens])).last_hidden_state[0, 1:].double():
            wanted = number.get(int((teacher.weight.double() @ final).argmax()))
            state = final / teacher.norm_gain.double() if folded else final
            carried = matrix @ state * (student.norm_gain.double() if folded else 1)
            hits.append(int((student.weight.double() @ carried).argmax()) == wanted)
    row = table[(table["map"] == name) & (table.folded == folded)].iloc[0]
    assert row.top1_agreement == pytest.approx(np.mean(hits), abs=1e-12)
    assert row.positions == len(hits) == sum(len(text) - 1 for text in TEXTS)
    assert row.top1_low <= row.top1_agreement <= row.top1_high


def test_the_dual_map_into_the_same_model_keeps_every_prediction(pico_pair: tuple[Path, Path]) -> None:
    head, both = uneven(read_head(pico_pair[0]), 0), torch.arange(259)
    table = crossing_table(
        load_model(pico_pair[0]),
        (head, head),
        (both, both),
        tokens_of(pico_pair[0]),
        resampling=Resampling(20),
    )
    kept = table.set_index(["map", "folded"]).top1_agreement
    assert kept["dual"].eq(1).all() and kept["identity", False] == 1 and kept["random", False] < 0.5


def test_tokens_that_the_student_does_not_have_are_missed(pico_pair: tuple[Path, Path]) -> None:
    """The state predicts token 0 on both sides, but that token is not shared."""
    head = read_head(pico_pair[0])
    shared = torch.arange(1, 259), torch.arange(1, 259)
    study = CrossingStudy(head, head, shared, build_crossings(head, head, shared, maps=["identity"]))
    states = torch.linalg.pinv(head.weight.double()).T.float()[:2] * 100
    assert (states @ head.weight.T).argmax(-1).tolist() == [0, 1]
    study.add(states)
    assert study.same[0].tolist() == [[0.0], [1.0]]


@pytest.mark.slow
def test_the_table_of_folders_is_the_same_twice(pico_pair: tuple[Path, Path], tmp_path: Path) -> None:
    outs = [tmp_path / "one.csv", tmp_path / "two.csv"]
    for out in outs:
        measure_crossing(*pico_pair, Table(out, label=["pair=pico"]), machine=Machine("cpu"))
    assert outs[0].read_bytes() == outs[1].read_bytes()
    lines = outs[0].read_text(encoding="utf-8").splitlines()
    assert lines[0].split(",") == ["pair", *list(COLUMNS["crossing"])[1:]]
    assert len(lines) == 1 + 2 * len(MAPS) - 2 and lines[1].startswith("pico,pinv,False,")


def test_no_prompt_is_refused(pico_pair: tuple[Path, Path]) -> None:
    head, both = read_head(pico_pair[0]), torch.arange(259)
    with pytest.raises(UserError, match="no prompt"):
        crossing_table(load_model(pico_pair[0]), (head, head), (both, both), [[1], []])
