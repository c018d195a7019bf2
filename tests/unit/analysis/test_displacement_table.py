"""The table of displacements: trained students and targets of one pair, against one position at a time in float64."""

import logging
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from fabricated_pairs import Pair
from safetensors.torch import load_file
from torch import Tensor

from semalign.analysis import options
from semalign.analysis.displacement import reading
from semalign.analysis.displacement.stage import measure_displacement
from semalign.benchmarks.base import read_split
from semalign.benchmarks.encoding import encode
from semalign.config.methods import Lora
from semalign.config.optimisation import Optimisation
from semalign.methods.semalign import SemAlign
from semalign.methods.sft import Sft
from semalign.methods.untouched import Student, Teacher
from semalign.models.loading import load_model, load_tokenizer
from semalign.models.transfers import load_student
from semalign.runtime.columns import COLUMNS
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json, write_json
from semalign.runtime.provenance import portable

COUNT = 4
RHO = 0.3
BUDGET = Optimisation(steps=3, batch_size=4, learning_rate=3e-2)
LORA = Lora(rank=4, projections=["up", "down"])
SEEDS = (0, 1, 2)


class Case:
    """Cells and targets of the fabricated pair, and the stage's arguments."""

    def __init__(self, pair: Pair, root: Path) -> None:
        self.pair, self.root = pair, root
        self.cells: list[Path] = []
        for seed in SEEDS:
            self.train("sft", Sft(lora=LORA, optimisation=BUDGET), seed)
        self.train("semalign", SemAlign(lora=LORA, optimisation=BUDGET))
        self.train("student", Student())
        self.train("teacher", Teacher())
        self.folders = {stage: pair.signal(stage, {}) for stage in ("alignment", "residual", "oracle")}
        self.targets = [
            {"method": stage, "variant": "default", "stage": stage, "folder": str(folder)}
            for stage, folder in self.folders.items()
        ]
        self.targets[1] |= {"rho": RHO}

    def train(self, method: str, settings: Any, seed: int = 0) -> None:
        folder = self.root / "cells" / "pico" / self.pair.benchmark.name / method / "default" / f"seed{seed}"
        folder.mkdir(parents=True)
        self.pair.transfer(settings, folder / "transfer", seed)
        self.cells.append(folder)

    def measure(self, reference: str = "sft", **changes: Any) -> pd.DataFrame:
        settings = {"benchmark": "sums", "reference": reference, "count": COUNT, **changes}
        write_json(self.root / "settings.json", settings)
        write_json(self.root / "targets.json", self.targets)
        pair = options.Pair(
            "pico", self.pair.teacher, self.pair.student, self.pair.benchmark, self.pair.signal("pairing", {})
        )
        table = options.Table(self.root / "out.csv", self.root / "record.json")
        measure_displacement(
            pair,
            [str(folder) for folder in self.cells],
            self.root / "targets.json",
            table,
            self.root / "settings.json",
            machine=options.Machine("cpu"),
        )
        return pd.read_csv(self.root / "out.csv")

    def states(self, transfer: Path | None = None, interface: str = "block") -> Tensor:
        """Outputs [positions, width] of the paired layer where the next token is in the answer, by example."""
        student = self.pair.student
        model = load_student(student, self.pair.teacher, transfer) if transfer else load_model(student)
        tokenizer, rows = load_tokenizer(student), []
        block = model.model.layers[self.layer - 1]
        for example in read_split(self.pair.benchmark, "train")[:COUNT]:
            encoded, kept = encode(example, tokenizer), list[Any]()
            module = block if interface == "block" else getattr(block, interface)
            handle = module.register_forward_hook(lambda m, a, out, kept=kept: kept.append(out))
            model(torch.tensor([encoded.input_ids]))
            handle.remove()
            output = kept[0][0] if isinstance(kept[0], tuple) else kept[0]
            rows.append(output.reshape(-1, output.shape[-1])[encoded.answer_start - 1 : -1].double())
        return torch.cat(rows)

    @property
    def layer(self) -> int:
        (pair,) = read_json(self.pair.signal("pairing", {}) / "pairing.json")["pairs"]
        return int(pair["student"])


@pytest.fixture(scope="module")
def case(pairs: Any, tmp_path_factory: pytest.TempPathFactory) -> Case:
    return Case(pairs("llama"), tmp_path_factory.mktemp("displacement"))


def tangents(moves: Tensor, states: Tensor) -> list[Tensor]:
    return [u - (u @ h) / (h @ h) * h for u, h in zip(moves, states, strict=True)]


def mean_cosine(left: list[Tensor], right: list[Tensor]) -> float:
    return sum(float(a @ b / a.norm() / b.norm()) for a, b in zip(left, right, strict=True)) / len(left)


def test_every_trained_student_is_compared_with_the_other_seeds(case: Case) -> None:
    table = case.measure()
    assert list(table.columns) == list(COLUMNS["displacement"])
    achieved = table[table["kind"] == "achieved"]
    assert list(zip(achieved.method, achieved.seed, strict=True)) == [
        *(("sft", s) for s in SEEDS),
        ("semalign", 0),
    ]
    own = case.states()
    moved = [tangents(case.states(folder / "transfer") - own, own) for folder in case.cells[:4]]
    for number, row in enumerate(achieved.itertuples()):
        others = [seed for seed in SEEDS if seed != row.seed]
        slow = sum(mean_cosine(moved[number], moved[seed]) for seed in others) / len(others)
        assert row.cosine == pytest.approx(slow, abs=1e-4)
        size = sum(float(u.norm() / h.norm()) for u, h in zip(moved[number], own, strict=True)) / len(own)
        assert row.size == pytest.approx(size, rel=1e-3)
        assert row.cosine_low <= row.cosine <= row.cosine_high and row.cosine_low < row.cosine_high
        assert (row.layer, row.positions, row.reference, row.interface) == (
            case.layer,
            len(own),
            "sft",
            "block",
        )


def test_targets_are_compared_with_all_seeds(case: Case) -> None:
    table = case.measure()
    targets = table[table["kind"] == "target"].set_index("method")
    assert targets["seed"].isna().all() and list(targets.index) == ["alignment", "residual", "oracle"]
    own, mlp = case.states(), case.states(interface="mlp")
    count = len(own)
    stored = {
        stage: load_file(folder / reading.NAME)
        for stage, folder in case.folders.items()
        if stage != "alignment"
    }
    wanted = load_file(case.folders["alignment"] / "targets.safetensors")[f"layer.{case.layer}"][
        :count
    ].double()
    residual = stored["residual"]["shared"][:count].double()
    aligned = [t * m.norm() / t.norm() - m for t, m in zip(wanted, mlp, strict=True)]
    moves = {
        "alignment": torch.stack(tangents(torch.stack(aligned), mlp)),
        "residual": RHO * own.norm(dim=-1).mean() / residual.norm(dim=-1).mean() * residual,
        "oracle": stored["oracle"][f"layer.{case.layer}"][:count].double(),
    }
    moved = [tangents(case.states(folder / "transfer") - own, own) for folder in case.cells[:3]]
    for name, displacement in moves.items():
        asked = tangents(displacement, own)
        slow = sum(mean_cosine(asked, of_seed) for of_seed in moved) / len(moved)
        assert targets.loc[name, "cosine"] == pytest.approx(slow, abs=1e-4)
        size = sum(float(u.norm() / h.norm()) for u, h in zip(asked, own, strict=True)) / count
        assert targets.loc[name, "size"] == pytest.approx(size, rel=1e-3)
    assert targets["interface"].tolist() == ["mlp", "block", "block"]


def test_a_target_has_the_length_that_its_method_gives_it(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the MLP's output, after a factor, and with what a search chose."""
    named = {"variant": "default", "stage": "residual", "folder": str(case.folders["residual"])}
    oracle = {"variant": "default", "stage": "oracle", "folder": str(case.folders["oracle"])}
    targets: list[dict[str, Any]] = [
        {"method": "mlp", "rho": RHO, "interface": "mlp", **named},
        {"method": "half", "scale": 0.5, **oracle},
        {"method": "whole", **oracle},
        {"method": "sft", "rho": 1.0, **named},
    ]
    record = case.cells[0] / "transfer" / "run.json"
    before = record.read_text()
    write_json(record, read_json(record) | {"chosen": {"rho": 0.2, "optimisation.learning_rate": 0.1}})
    monkeypatch.setattr(case, "targets", targets)
    table = case.measure()
    record.write_text(before)
    found = table[table["kind"] == "target"].set_index("method")
    own, mlp = case.states(), case.states(interface="mlp")
    residual = load_file(case.folders["residual"] / reading.NAME)["shared"][: len(own)].double()
    for method, length in (("mlp", RHO * mlp.norm(dim=-1).mean()), ("sft", 0.2 * own.norm(dim=-1).mean())):
        moves = tangents(length / residual.norm(dim=-1).mean() * residual, own)
        size = sum(float(u.norm() / h.norm()) for u, h in zip(moves, own, strict=True)) / len(own)
        assert found.loc[method, "size"] == pytest.approx(size, rel=1e-3)
    assert found.loc["half", "size"] == pytest.approx(found.loc["whole", "size"] / 2, rel=1e-5)
    assert found["interface"].tolist() == ["mlp", "block", "block", "block"]


def test_a_reference_with_one_seed_has_no_ceiling(case: Case) -> None:
    table = case.measure("semalign")
    own = table[(table["method"] == "semalign") & (table["kind"] == "achieved")]
    assert own["cosine"].isna().all() and (own["size"] > 0).all()
    others = table[table["method"] == "sft"]  # compared with seed 0, the only one
    assert others["cosine"].notna().all()


def test_a_reference_without_cells_is_one_line(case: Case) -> None:
    with pytest.raises(
        UserError, match=r"analysis\.displacement\.reference: found 'kd', expected .* sft, semalign"
    ):
        case.measure("kd")
    with pytest.raises(UserError, match=r"targets\.json: found .*, expected a list with method"):
        case.targets.append({"method": "kd"})
        try:
            case.measure()
        finally:
            case.targets.pop()


def test_positions_are_drawn_once_for_all(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = case.measure()
    monkeypatch.setattr(reading, "POSITIONS", 6)
    few = case.measure()
    assert set(few["positions"]) == {6} and set(whole["positions"]) != {6}
    assert few.equals(case.measure()) and not few["cosine"].equals(whole["cosine"])


def test_the_record_names_what_was_read(case: Case, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="semalign"):
        case.measure()
    assert "displacement: 4 of 4 cells" in caplog.text
    folders = [*case.folders.values(), *case.cells]
    assert set(read_json(case.root / "record.json")["inputs"]) == {
        *("teacher", "student", "benchmark", "pairing", "targets"),
        *(portable(folder) for folder in folders),
    }
