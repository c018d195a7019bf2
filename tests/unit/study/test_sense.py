"""Settings that are valid one by one, but make nothing, or the same thing twice, are told before any work."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from semalign.config.extending import config_of
from semalign.runtime.errors import UserError
from semalign.study.definition import study_of
from semalign.study.preflight import checked

ROOT = Path(__file__).parents[3]
BASE: dict[str, Any] = {
    "study": "s",
    "seeds": [0],
    "models": {"big": {"source": "tiny"}, "small": {"source": "tiny", "seed": 1}},
    "pairs": {"p": {"teacher": "big", "student": "small"}},
    "benchmarks": {"facts": {}, "completion": {}},
    "methods": {"student": {}, "teacher": {}, "semalign": {}, "sft": {}},
    "notebooks": ["tables"],
}


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def told(data: dict[str, Any]) -> list[str]:
    """The problems of a config without the name of its file; empty if it is good."""
    config = config_of(data, "mine.yaml")
    try:
        study = study_of(config)
        with config.naming():
            checked(study)
    except UserError as error:
        assert all(line.startswith("mine.yaml: ") and "\n" not in line for line in error.lines), error.lines
        return [line.removeprefix("mine.yaml: ") for line in error.lines]
    return []


def test_the_base_of_these_tests_is_good() -> None:
    assert told(BASE) == []


def test_a_ladder_may_have_untrained_rungs() -> None:
    assert told({**BASE, "analysis": {"ladder": {"rungs": ["student", "semalign", "teacher"]}}}) == []


SEARCH = {"search": {"learning_rates": [1e-3, 1e-2]}}


def searching(values: dict[str, Any]) -> dict[str, Any]:
    """A method's section with one learning rate and two values of another setting."""
    return {"learning_rates": [1e-3], "search": values}


SEMALIGN_AXES = "ablations.axes"
RESIDUAL = {"method": "semantic-residual"}
APART = {"sft": {"benchmarks": ["completion"]}, "semalign": {"benchmarks": ["facts"]}}
CASES: list[tuple[dict[str, Any], str]] = [
    # what is exported
    ({"export": {"ranking": True}, "methods": {"student": {}, "teacher": {}}}, "export.ranking: found true in a study that trains no method"),
    ({"export": {"at_end": True}, "methods": {"student": {}, "teacher": {}}}, "export.at_end: found true in a study"),
    ({"export": {"merged": "float16"}, "methods": {"student": {}, "teacher": {}}}, "export.merged: found 'float16' in a study"),
    ({"export": {"gguf": "q8_0"}, "methods": {"student": {}, "teacher": {}}}, "export.gguf: found 'q8_0' in a study"),
    ({"export": {"ranking": True}, "evaluation": {"split": "validation"}}, "evaluation.split: found 'validation', on which export.ranking chooses"),
    # what is given twice
    ({"seeds": [0, 1, 0]}, "seeds: found 0 twice, expected it once"),
    ({"ablations": {"seeds": [2, 2]}}, "ablations.seeds: found 2 twice"),
    ({"search": {"learning_rates": [1e-3, 0.001]}}, "search.learning_rates: found 0.001 twice"),
    ({"tracking": {"offline": False}}, "tracking.offline: found false without tracking.to, expected one"),
    ({"tracking": {"to": "none", "project": "p"}}, "tracking.project: found 'p' without tracking.to, expected one"),
    ({"notebooks": ["tables", "tables"]}, "notebooks: found 'tables' twice"),
    ({"benchmarks": {**BASE["benchmarks"], "m": {"parts": ["facts", "facts"]}}}, "benchmarks.m.parts: found 'facts' twice"),
    ({"pairs": {"p": {"teacher": "big", "student": "small", "benchmarks": ["facts", "facts"]}}}, "pairs.p.benchmarks: found 'facts' twice"),
    ({"methods": {**BASE["methods"], "sft": {"lora": {"projections": ["up", "up"]}}}}, "methods.sft.lora.projections: found 'up' twice"),
    ({"scores": {"models": ["big", "big"]}}, "scores.models: found 'big' twice"),
    ({"methods": {**BASE["methods"], "a": {"method": "sft", "layers": "all", "title": "A"}, "b": {"method": "sft", "layers": "all", "title": "B"}}}, "methods.b: found the settings of methods.a"),
    ({"methods": {**BASE["methods"], "a": {"method": "sft", "layers": "all", "title": "A"}, "b": {"method": "sft", "layers": "last", "title": "A"}}}, "methods.b.title: found 'A', the title of methods.a"),
    ({"methods": {**BASE["methods"], "sft": {"rung": True}}}, "methods.sft.rung: found true, expected the method in analysis.ladder.rungs"),
    ({"analysis": {"ladder": {"rungs": ["student", "sft"]}}, "methods": {**BASE["methods"], "student": {"rung": True}}}, "methods.student.rung: found true, expected false, since every table compares with student"),
    # methods on some benchmarks
    ({"methods": {**BASE["methods"], "sft": {"benchmarks": ["fact"]}}}, "methods.sft.benchmarks: found 'fact', expected"),
    ({"methods": {**BASE["methods"], "student": {"benchmarks": ["facts"]}}}, "methods.student.benchmarks: found ['facts'], expected none"),
    ({"methods": {**BASE["methods"], "sft": {"benchmarks": ["facts"], "by_benchmark": {"arithmetic": {"optimisation.epochs": 3}}}}}, "methods.sft.by_benchmark: found 'arithmetic', expected"),
    ({"analysis": {"decomposition": {"models": ["big", "big"], "prompts": "facts"}}}, "analysis.decomposition.models: found 'big' twice"),
    ({"contrasts": [["semalign", "sft"], ["semalign", "sft"]]}, "contrasts: found [semalign, sft] twice"),
    ({"contrasts": [["semalign", "sft"], ["sft", "semalign"]]}, "contrasts[1]: found [sft, semalign], expected it in one direction"),
    ({"contrasts": [["sft", "sft"]]}, "contrasts[0]: found 'sft' twice, expected two methods"),
    ({"methods": {**BASE["methods"], "base": {"method": "student"}}}, "methods: found student and base, expected one method student"),
    # pairs
    ({"pairs": {"p": {"teacher": "big", "student": "big"}}}, "pairs.p.student: found 'big', which is also the teacher"),
    ({"models": {"big": {"source": "tiny"}, "small": {"source": "tiny"}}}, "pairs.p.student: found 'small', which is the same model as the teacher 'big'"),
    ({"pairs": {**BASE["pairs"], "q": {"teacher": "big", "student": "small", "benchmarks": ["facts"]}}}, "pairs.q: found teacher, student and benchmark facts of pairs.p"),
    ({"pairs": {"p": {"teacher": "big", "student": "small", "benchmarks": []}}}, "pairs.p.benchmarks: found [], expected at least one benchmark"),
    ({"benchmarks": {}}, "pairs.p: found no benchmarks in the study"),
    ({"pairs": {"p": {"teacher": "Big", "student": "small"}}}, "pairs.p.teacher: found 'Big', expected one of big, small (did you mean big?)"),
    # what makes nothing
    ({"pairs": {}, "notebooks": []}, "study: found 's' with models, benchmarks, methods, which makes nothing"),
    ({"scores": {"benchmarks": ["facts"]}}, "scores.models: found nothing, expected the models to score"),
    ({"scores": {"published": [{"model": "big", "benchmark": "facts", "score": 1.0, "source": "x"}]}}, "scores.models: found nothing, expected the models to score (big)"),
    ({"scores": {"models": ["small"], "published": [{"model": "big", "benchmark": "facts", "score": 1.0, "source": "x"}]}}, "scores.published[0].model: found 'big', which is not in scores.models"),
    ({"ablations": {"axes": {"alignment.map": []}}}, "ablations.axes.alignment.map: found [], expected at least one value"),
    # analyses
    ({"analysis": {"decomposition": {"models": ["big"], "prompts": "complettion"}}}, "analysis.decomposition.prompts: found 'complettion', expected one of facts, completion, humaneval (did you mean completion?)"),
    ({"analysis": {"decomposition": {"models": ["big"]}}}, "analysis.decomposition.prompts: found nothing"),
    ({"analysis": {"decomposition": {"prompts": "humanevl"}}}, "analysis.decomposition.prompts: found 'humanevl'"),
    ({"analysis": {"similarity": {"benchmark": "facts"}}}, "analysis.similarity.methods: found nothing"),
    ({"analysis": {"similarity": {"methods": ["sft"]}}}, "analysis.similarity.benchmark: found nothing"),
    ({"analysis": {"similarity": {"benchmark": "facts", "methods": ["teacher"]}}}, "found 'teacher', which trains nothing"),
    ({"analysis": {"geometry": {"benchmark": "facts"}}, "pairs": {"p": {**BASE["pairs"]["p"], "benchmarks": ["completion"]}}}, "analysis.geometry.benchmark: found 'facts', which pairs.p is not trained on"),
    ({"analysis": {"displacement": {"benchmark": "facts"}}}, "analysis.displacement.reference: found nothing, expected the method to compare with, one of semalign, sft"),
    ({"analysis": {"displacement": {"reference": "sft"}}}, "analysis.displacement.benchmark: found nothing"),
    ({"analysis": {"displacement": {"count": 8}}}, "analysis.displacement.benchmark: found nothing"),
    ({"analysis": {"displacement": {"benchmark": "facts", "reference": "teacher"}}}, "analysis.displacement.reference: found 'teacher', which trains nothing"),
    ({"analysis": {"displacement": {"benchmark": "facts", "reference": "sft"}}, "methods": {**BASE["methods"], "sft": {"benchmarks": ["completion"]}}}, "analysis.displacement.reference: found 'sft', which is not trained on facts"),
    ({"analysis": {"displacement": {"benchmark": "facts", "reference": "stf"}}}, "analysis.displacement.reference: found 'stf', expected one of "),
    ({"analysis": {"displacement": {"benchmark": "facts", "reference": "sft"}}, "pairs": {"p": {**BASE["pairs"]["p"], "benchmarks": ["completion"]}}}, "analysis.displacement.benchmark: found 'facts', which pairs.p is not trained on"),
    # the ladder
    ({"analysis": {"ladder": {"rungs": ["sft", "semalgn"]}}}, "analysis.ladder.rungs: found 'semalgn', expected one of student, teacher, semalign, sft (did you mean semalign?)"),
    ({"analysis": {"ladder": {"rungs": ["sft", "semalign", "sft"]}}}, "analysis.ladder.rungs: found 'sft' twice, expected it once"),
    ({"analysis": {"ladder": {"rungs": ["sft"]}}}, "analysis.ladder.rungs: found only 'sft', expected at least two methods to compare"),
    ({"analysis": {"ladder": {"benchmarks": ["facts"]}}}, "analysis.ladder.rungs: found nothing, expected the methods to compare on analysis.ladder.benchmarks"),
    ({"analysis": {"ladder": {"rungs": ["student", "sft"], "benchmarks": ["fact"]}}}, "analysis.ladder.benchmarks: found 'fact', expected one of facts, completion (did you mean facts?)"),
    ({"analysis": {"ladder": {"rungs": ["student", "sft"], "benchmarks": ["facts"]}}, "pairs": {"p": {**BASE["pairs"]["p"], "benchmarks": ["completion"]}}}, "analysis.ladder.benchmarks: found 'facts', which no pair is trained on"),
    ({"analysis": {"ladder": {"rungs": ["student", "sft"], "benchmarks": ["facts"]}}, "methods": {**BASE["methods"], "sft": {"benchmarks": ["completion"]}}}, "analysis.ladder.rungs: found 'sft', which is trained on none of its benchmarks"),
    ({"analysis": {"ladder": {"rungs": ["student", "sft"]}}, "pairs": {}, "scores": {"models": ["big"]}, "notebooks": []}, "analysis.ladder.rungs: found methods in a study without pairs to train on"),
    ({"analysis": {"ladder": {"rungs": ["sft", "semalign"]}}, "methods": {**BASE["methods"], **APART}}, "analysis.ladder.rungs: found 'sft', which is trained on no benchmark of another rung"),
    ({"contrasts": [["sft", "semalign"]], "methods": {**BASE["methods"], **APART}}, "contrasts[0]: found ['sft', 'semalign'], which are trained on no common benchmark"),
    ({"analysis": {"geometry": {"benchmark": "completion"}}, "methods": {**BASE["methods"], "sft": {"benchmarks": ["facts"]}, "semalign": {"benchmarks": ["facts"]}}}, "analysis.geometry.benchmark: found 'completion', on which no method is trained"),
    ({"methods": {**BASE["methods"], "sft": {"benchmarks": ["completion"]}}, "pairs": {"p": {**BASE["pairs"]["p"], "benchmarks": ["facts"]}}}, "methods.sft.benchmarks: found 'completion', which no pair is trained on; expected one of facts"),
    # notebooks without their tables
    ({"notebooks": ["benchmarks"]}, "notebooks: found 'benchmarks', which reads benchmarks.csv; expected `scores.models`"),
    ({"notebooks": ["decomposition"]}, "which reads decomposition.csv, head.csv; expected `analysis.decomposition.models`"),
    ({"notebooks": ["tabels"]}, "notebooks: found 'tabels', expected one of ablations, benchmarks, "),
    ({"pairs": {}, "scores": {"models": ["big"]}}, "notebooks: found 'tables', which reads main.csv, "),
    # ablated values
    ({"ablations": {"axes": {"alignment.map": ["pinv"]}}}, "ablations.axes.alignment.map: found 'pinv', which equals the default"),
    ({"ablations": {"axes": {"layer_loss_weight": [0, 0.0]}}}, "ablations.axes.layer_loss_weight: found 0.0 twice, expected it once"),
    ({"ablations": {"axes": {"layer_loss_weight": [1]}}}, "found 1, which equals the default"),
    ({"ablations": {"axes": {"layer_loss_weight": [True]}}}, "ablations.axes.layer_loss_weight: found true, expected a number"),
    ({"ablations": {"axes": {"layer_loss_weight": ["1e-4"]}}}, "ablations.axes.layer_loss_weight: found '1e-4', expected a number"),
    ({"ablations": {"axes": {"optimisation.learning_rate": [1e-4, 1e-4]}}}, "ablations.axes.optimisation.learning_rate: found 0.0001 twice"),
    ({"ablations": {"others": {"sft": {"lora.rnk": [4]}}}}, "ablations.others.sft.lora.rnk: unknown key, expected one of rank, alpha, dropout, projections (did you mean rank?)"),
    ({"methods": {**BASE["methods"], "r": {**RESIDUAL, "loss": "squared"}}, "ablations": {"method": "r", "axes": {"rho": [0]}}}, "ablations.axes.rho: found rho 0 with loss squared"),
    ({"methods": {**BASE["methods"], "r": {**RESIDUAL, "lora": {"projections": ["head"]}}}}, "methods.r: found lora.projections head, which come after"),
    ({"ablations": {"axes": {"method": ["sft"]}}}, "ablations.axes.method: unknown key"),
    ({"ablations": {"axes": {"alignment.map": ["x" * 300]}}}, "ablations.axes.alignment.map: found 'xxx"),
    ({"ablations": {"axes": {"lora.projections": [["up"] * 90]}}}, "characters, which names a folder"),
    # methods
    ({"methods": {**BASE["methods"], "sft": {"signals": {"alignment.mapp": "random"}}}}, "methods.sft.signals.alignment.mapp: unknown key"),
    ({"methods": {**BASE["methods"], "m": {"method": "semalign", "signals": {"alignment.map": "radnom"}}}}, "methods.m.signals.alignment.map: found 'radnom', expected one of pinv, "),
    ({"methods": {**BASE["methods"], "sft": {"lora": {"projections": ["upp"]}}}}, "methods.sft.lora.projections: found 'upp', expected one of q, k, v, o, gate, up, down, embedding, head"),
    ({"methods": {**BASE["methods"], "sft": {"by_benchmark": {"facts": {"optimisation.epoch": 3}}}}}, "methods.sft.by_benchmark.facts.optimisation.epoch: unknown key"),
    ({"methods": {**BASE["methods"], "sft": {"by_benchmark": {"facts": {"optimisation.epochs": -3}}}}}, "methods.sft.by_benchmark.facts.optimisation.epochs: found -3, expected more than 0"),
    ({"methods": {**BASE["methods"], "sft": {"by_benchmark": {"arithmetic": {}}}}, "benchmarks": {**BASE["benchmarks"], "arithmetic": {}}, "pairs": {"p": {**BASE["pairs"]["p"], "benchmarks": ["facts"]}}}, "methods.sft.by_benchmark: found 'arithmetic', which no pair is trained on"),
    ({"alignment": {"map": "pinvv"}}, "alignment.map: found 'pinvv', expected one of pinv, "),
    ({"models": {"big": {"source": "tiny", "layers": 2}, "small": {"source": "tiny", "layers": 3}}, "methods": {**BASE["methods"], "laten": {}}}, "methods.laten: found teacher big with 2 layers and student small with 3, expected a teacher at least as deep"),
    ({"models": {"big": {"source": "tiny", "width": 64}, "small": {"source": "tiny"}}, "methods": {**BASE["methods"], "oprd-bridge": {"rank": 65}}}, "methods.oprd-bridge.rank: found 65, expected at most 64, the width of the teacher big"),
    # what has no effect
    ({"methods": {**BASE["methods"], "sft": {"layers": "all", "signals": {"alignment.map": "random"}}}}, "methods.sft.signals.alignment.map: found 'random', which changes nothing in sft, which reads no signals; remove it"),
    ({"methods": {**BASE["methods"], "sft": {"signals": {"logits.temperature": 2.0}}}}, "methods.sft.signals.logits.temperature: found 2.0, which the method sft does not read; expected a change of one of attribution, pairing"),
    ({"methods": {**BASE["methods"], "sft": {"signals": {"pullback.steps": 3}}}}, "methods.sft.signals.pullback.steps: found 3, which the method sft does not read; expected a change of one of attribution, pairing"),
    ({"methods": {**BASE["methods"], "pullback": {"signals": {"residual.bases": "random"}}}}, "methods.pullback.signals.residual.bases: found 'random', which the method pullback does not read; expected a change of one of attribution, pairing, states, pullback"),
    ({"methods": {**BASE["methods"], "teacher": {"signals": {"pairing.pairs": 2}}}}, "which changes nothing in teacher, which reads no signals"),
    ({"methods": {**BASE["methods"], "semalign": {"signals": {"alignment.seed": 3}}}}, "methods.semalign.signals.alignment.seed: found 3, which changes nothing with the other settings; remove it"),
    ({"methods": {**BASE["methods"], "seeking": {"signals": {"extraction.rank": 4}}}}, "methods.seeking.signals.extraction.rank: found 4, expected 16, which the method's own settings ask for"),
    ({"ablations": {"axes": {"logits.temperature": [2.0]}}}, "ablations.axes.logits.temperature: found 2.0, which changes nothing that semalign reads"),
    ({"ablations": {"axes": {"alignment.seed": [1]}}}, "ablations.axes.alignment.seed: found 1, which changes nothing"),
    ({"ablations": {"axes": {"attribution.granularity": ["neuron"]}}, "pairing": {"rule": "last"}}, "ablations.axes.attribution.granularity: found 'neuron', which changes nothing"),
    ({"ablations": {"others": {"sft": {"optimisation.epochs": [3]}}}, "methods": {**BASE["methods"], "sft": {"optimisation": {"steps": 5}}}}, "ablations.others.sft.optimisation.epochs: found 3, which changes nothing"),
    ({"ablations": {"others": {"sft": {"lora.projections": [["down", "up"], ["up", "down"]]}}}}, "found ['up', 'down'], which equals variant projections~--down----up--"),
    ({"methods": {**BASE["methods"], "sft": {"optimisation": {"steps": 5}, "by_benchmark": {"facts": {"optimisation.epochs": 3}}}}}, "methods.sft.by_benchmark.facts.optimisation.epochs: found 3, which changes nothing"),
    ({"methods": {**BASE["methods"], "sft": {"learning_rates": [1e-3]}}}, "methods.sft.learning_rates: found [0.001] without search.learning_rates, expected as many rates there, or methods.sft.optimisation.learning_rate"),
    ({"methods": {**BASE["methods"], "student": {"learning_rates": [1e-3]}}, "search": {"learning_rates": [1e-2]}}, "methods.student.learning_rates: found [0.001], expected none, since student trains nothing"),
    # displacements
    ({"methods": {**BASE["methods"], "r": {**RESIDUAL, "signals": {"residual.seed": 3}}}}, "methods.r.signals.residual.seed: found 3, which changes nothing with the other settings; remove it"),
    ({"methods": {**BASE["methods"], "r": {**RESIDUAL, "signals": {"residual.bases": "random", "residual.fold_final_norm": True}}}}, "methods.r.signals.residual.fold_final_norm: found true, which changes nothing with the other settings; remove it"),
    ({"methods": {**BASE["methods"], "r": {**RESIDUAL, "rho": 0.0, "signals": {"residual.bases": "head-rows"}}}}, "methods.r.signals.residual.bases: found 'head-rows', which changes nothing with the other settings; remove it"),
    ({"methods": {**BASE["methods"], "r": {**RESIDUAL, "layers": "first", "signals": {"pairing.pairs": 2}}}}, "methods.r.signals.pairing.pairs: found 2, which the method semantic-residual does not read; expected a change of one of states, residual"),
    ({"methods": {**BASE["methods"], "r": {**RESIDUAL, "signals": {"oracle.of": "sft"}}}}, "methods.r.signals.oracle.of: found 'sft', which the method semantic-residual does not read"),
    ({"methods": {**BASE["methods"], "sft": {"signals": {"residual.bases": "random"}}}}, "methods.sft.signals.residual.bases: found 'random', which the method sft does not read"),
    ({"methods": {**BASE["methods"], "r": {**RESIDUAL, "signals": {"residual.bases": "rows"}}}}, "methods.r.signals.residual.bases: found 'rows', expected one of pinv, pinv-raw, head-rows, input-side, random"),
    ({"methods": {**BASE["methods"], "r": {**RESIDUAL, "signals": {"residual.temperature": 0}}}}, "methods.r.signals.residual.temperature: found 0, expected more than 0"),
    ({"methods": {**BASE["methods"], "r": RESIDUAL}, "ablations": {"others": {"r": {"residual.seed": [1]}}}}, "ablations.others.r.residual.seed: found 1, which changes nothing that r reads"),
    ({"methods": {**BASE["methods"], "r": RESIDUAL}, "ablations": {"others": {"r": {"residual.source": ["teacher"]}}}}, "ablations.others.r.residual.source: found 'teacher', which equals the default"),
    ({"methods": {**BASE["methods"], "r": RESIDUAL}, "ablations": {"others": {"r": {"logits.top_k": [8]}}}}, "ablations.others.r.logits.top_k: found 8, which changes nothing that r reads"),
    ({"methods": {**BASE["methods"], "residual-start": {"steering": {"steps": 5}}}, "ablations": {"others": {"residual-start": {"steering.epochs": [3]}}}}, "ablations.others.residual-start.steering.epochs: found 3, which changes nothing"),
    ({"methods": {**BASE["methods"], "residual-start": {"steering": {"examples": 5}}}}, "methods.residual-start: found steering.examples 5, expected null"),
    ({"methods": {**BASE["methods"], "oracle": {}}}, "methods.oracle.signals.oracle.of: found 'distill-logits', expected one of semalign, sft"),
    ({"methods": {**BASE["methods"], "oracle": {}}, "oracle": {"of": "sft", "seed": 0}}, "oracle.seed: found 0, expected none of the study's seeds"),
    ({"methods": {**BASE["methods"], "oracle": {"layers": "all"}}}, "methods.oracle.layers: found 'all', expected paired"),
    ({"methods": {**BASE["methods"], "semalign": {"layers": "first"}}}, "methods.semalign.layers: found 'first', expected one of paired, all"),
    ({"scores": {"protocols": ["lm-eval"]}}, "scores.models: found nothing, expected the models to score"),
    ({"methods": {**BASE["methods"], "again": {"method": "sft", "lora": {"rank": 16}}}}, "methods.again: found the settings of methods.sft, expected another value of at least one"),
    # searches
    ({**SEARCH, "methods": {**BASE["methods"], "sft": {"search": {"lora.rnk": [4, 16]}}}}, "methods.sft.search.lora.rnk: unknown key, expected one of rank, alpha, dropout, projections (did you mean rank?)"),
    ({**SEARCH, "methods": {**BASE["methods"], "sft": {"search": {"lora.rnk": [4]}}}}, "methods.sft.search.lora.rnk: unknown key, expected one of rank"),
    ({**SEARCH, "methods": {**BASE["methods"], "sft": {"search": {"lora.rank": [4]}}}}, "methods.sft.search.lora.rank: found [4], expected at least 2 of them"),
    ({"search": {"learning_rates": [1e-3, 1e-2], "widen": 1}, "methods": {**BASE["methods"], "sft": {"learning_rates": [1e-3]}}}, "methods.sft.learning_rates: found 1 of them, expected 2, as in search.learning_rates"),
    ({"analysis": {"ladder": {"rungs": ["sft", "semalign"], "benchmarks": ["facts", "completion"]}}, "methods": {**BASE["methods"], "sft": {"benchmarks": ["completion"]}}}, "analysis.ladder.benchmarks: found 'facts', on which semalign is the only rung; expected benchmarks of at least two rungs"),
    ({"methods": {**BASE["methods"], "r": {**RESIDUAL, "signals": {"bases": "random"}}}}, "methods.r.signals.bases: unknown key, expected one of residual.bases"),
    ({"search": {"widen": 1}}, "search.widen: found 1, expected 0, since search.learning_rates is empty"),
    ({"search": {"widen": 1, "learning_rates": [1e-2]}}, "search.learning_rates: found one rate, expected at least two, since search.widen"),
    ({"search": {"widen": 1, "learning_rates": [0.01, 0.0101]}}, "search.learning_rates: found [0.01, 0.0101], expected larger steps"),
    ({"methods": {**BASE["methods"], "sft": {"searched": False}}}, "methods.sft.searched: found false, expected none, since search.learning_rates is empty"),
    ({"methods": {**BASE["methods"], "sft": {"search": {"lora.rank": [2, 4]}}}}, "methods.sft.search: found a section, expected none, since search.learning_rates is empty"),
    ({**SEARCH, "methods": {**BASE["methods"], "student": {"searched": False}}}, "methods.student.searched: found false, expected none, since student trains nothing"),
    ({**SEARCH, "methods": {**BASE["methods"], "sft": {"searched": False}}}, "methods.sft.optimisation.learning_rate: found nothing, expected a learning rate, since methods.sft.searched is false"),
    ({**SEARCH, "methods": {**BASE["methods"], "sft": {"searched": False, "optimisation": {"learning_rate": 1e-3}, "learning_rates": [1e-3, 1e-2]}}}, "methods.sft.learning_rates: found [0.001, 0.01], expected none, since methods.sft.searched is false"),
    ({**SEARCH, "methods": {**BASE["methods"], "sft": {"search": {"lora.rank": [2, 4]}}}}, "methods.sft.search: found 2 learning rates x 2 combinations of other settings = 4 trials, expected 2, as in search.learning_rates"),
    ({**SEARCH, "methods": {**BASE["methods"], "sft": searching({"lora.rank": [4]})}}, "methods.sft.search.lora.rank: found [4], expected at least 2 of them"),
    ({**SEARCH, "methods": {**BASE["methods"], "sft": searching({"lora.rank": [4, 4]})}}, "methods.sft.search.lora.rank: found 4 twice"),
    ({**SEARCH, "methods": {**BASE["methods"], "sft": searching({"lora.rnk": [2, 4]})}}, "methods.sft.search.lora.rnk: unknown key, expected one of rank"),
    ({**SEARCH, "methods": {**BASE["methods"], "sft": searching({"lora.rank": [0, 4]})}}, "methods.sft.search.lora.rank: found 0, expected at least 1"),
    ({**SEARCH, "methods": {**BASE["methods"], "sft": searching({"layers": ["paired", "all"]})}}, "methods.sft.search.layers: found 'all', which changes the signals that the method reads"),
    ({**SEARCH, "methods": {**BASE["methods"], "semalign": searching({"alignment.map": ["pinv", "random"]})}}, "methods.semalign.search.alignment.map: found a setting of a signal stage"),
    ({**SEARCH, "methods": {**BASE["methods"], "sft": searching({"optimisation.learning_rate": [0.1, 0.2]})}}, "methods.sft.search.optimisation.learning_rate: found learning rates, expected them in methods.sft.learning_rates"),
    ({**SEARCH, "methods": {**BASE["methods"], "sft": {**searching({"lora.rank": [2, 4]}), "lora": {"rank": 8}}}}, "methods.sft.lora.rank: found 8, expected none, since methods.sft.search chooses it"),
    ({**SEARCH, "methods": {**BASE["methods"], "sft": {**searching({"lora.rank": [2, 4]}), "by_benchmark": {"facts": {"lora.rank": 8}}}}}, "methods.sft.by_benchmark.facts: found lora.rank, expected none, since methods.sft.search chooses it"),
    ({**SEARCH, "methods": {**BASE["methods"], "sft": searching({"lora.projections": [["up"], ["UP"]]})}}, "methods.sft.search: found settings or values of which two have the same name"),
    ({"evaluation": {"split": "validation"}, "search": {"learning_rates": [1e-2]}}, "evaluation.split: found 'validation', on which search.learning_rates chooses"),
    ({"analysis": {"decomposition": {"models": ["big"], "prompts": "facts", "bases": []}}}, "analysis.decomposition.bases: found [], expected at least one"),
    ({"scores": {"models": ["big"], "published": [{"model": "big", "benchmark": "facts", "score": 50, "source": "x", "protocol": "lm-eval"}]}}, "scores.published[0].protocol: found 'lm-eval', which is not in scores.protocols"),
    ({"scores": {"models": ["big"], "published": [{"model": "big", "benchmark": "facts", "score": 50, "source": "x"}, {"model": "big", "benchmark": "facts", "score": 50, "source": "x"}]}}, "scores.published[1]: found model, benchmark and protocol of scores.published[0]"),
    ({"methods": {**BASE["methods"], "semalign": {"order": "shallow-to-deep"}}}, "methods.semalign.order: found 'shallow-to-deep', which changes nothing with pairing.pairs 1; expected joint, or more pairs"),
    ({"ablations": {"axes": {"order": ["shallow-to-deep"]}}}, "ablations.axes.order: found 'shallow-to-deep', which changes nothing that semalign reads"),
    ({"methods": {**BASE["methods"], "fisher-surrogate": {"signals": {"activations.interface": "mlp"}}}}, "methods.fisher-surrogate.signals.activations.interface: found 'mlp', expected 'block', which the method's own settings ask for"),
    ({"methods": {**BASE["methods"], "oprd-bridge": {"signals": {"alignment.map": "random"}}}}, "methods.oprd-bridge.signals.alignment.map: found 'random', which the method oprd-bridge does not read; expected a change of one of attribution, pairing, activations"),
    ({"ablations": {"axes": {"pairing.interpolate": [False]}}, "pairing": {"rule": "segment"}}, "ablations.axes.pairing.interpolate: found false, which changes nothing"),
    ({**SEARCH, "methods": {**BASE["methods"], "sft": searching({"method": ["sft", "pissa"]})}}, "methods.sft.search.method: unknown key, expected one of layers"),
    ({**SEARCH, "methods": {**BASE["methods"], "sft": searching({"learning_rates": [[1e-3], [1e-2]]})}}, "methods.sft.search.learning_rates: unknown key, expected one of layers"),
    ({**SEARCH, "methods": {**BASE["methods"], "sft": {**searching({"optimisation.epochs": [1, 2]}), "optimisation": {"steps": 3}}}}, "methods.sft.search: found trials learning_rate~0.001+epochs~1 and learning_rate~0.001+epochs~2, which are trained alike"),
    ({**SEARCH, "methods": {**BASE["methods"], "sft": searching({"lora.projections": [["up", "v"], ["v", "up"]]})}}, "which are trained alike; expected values that make a difference"),
    ({"ablations": {"others": {"sft": {"lora.rank": [4]}}}, "methods": {**BASE["methods"], "sft": {"by_benchmark": {"facts": {"lora.rank": 4}}}}}, "ablations.others.sft.lora.rank: found 4, which equals the default on facts (methods.sft.by_benchmark)"),
    # wrong answers
    ({"benchmarks": {**BASE["benchmarks"], "w": {"of": "facts", "corrupted": 1e-9}}}, "benchmarks.w.corrupted: found 1e-09, which is none of the 200 examples of facts; expected a larger share"),
    ({"benchmarks": {**BASE["benchmarks"], "m": {"parts": ["facts", "completion"]}, "w": {"of": "m", "corrupted": 1e-3}}}, "which is none of the 200 examples of completion"),
    ({"benchmarks": {**BASE["benchmarks"], "v": {"of": "facts", "corrupted": 0.5}, "w": {"of": "facts", "corrupted": 0.501}}}, "benchmarks.w.corrupted: found 0.501, which is as many examples as that of benchmarks.v; expected another share or seed"),
    # what changes more than it says
    ({"ablations": {"others": {"sft": {"optimisation": [{"epochs": 3}]}}}}, "ablations.others.sft.optimisation: found a section, expected dotted keys of single settings, such as `optimisation.epochs`"),
    ({"methods": {**BASE["methods"], "sft": {"by_benchmark": {"facts": {"lora": {"rank": 4}}}}}}, "methods.sft.by_benchmark.facts.lora: found a section, expected dotted keys"),
    ({"methods": {**BASE["methods"], "semalign": {"signals": {"alignment": {"map": "random"}}}}}, "methods.semalign.signals.alignment: found a section, expected dotted keys"),
    ({"statistics": {"confidence": 0.999, "resamples": 1000}}, "statistics.resamples: found 1000 with confidence 0.999, expected at least 2000"),
    # names
    ({"benchmarks": {**BASE["benchmarks"], "mean": {"of": "facts", "corrupted": 0.5}}}, "benchmarks.mean: found the name that tables give the mean over benchmarks"),
    ({"methods": {**BASE["methods"], "facts": {"method": "sft", "layers": "all"}}}, "methods.facts: found the name of benchmarks.facts, expected another one"),
    ({"methods": {**BASE["methods"], "p": {"method": "sft", "layers": "all"}}}, "methods.p: found the name of pairs.p, expected another one"),
    ({"methods": {"base": {"method": "student"}, "teacher": {}, "sft": {}}}, "methods.base: found method student, expected it under the name student"),
    ({"methods": {"base": {"method": "student"}, "teacher": {}, "student": {"method": "sft"}}}, "methods.student.method: found 'sft', expected student"),
    *(({"methods": {**BASE["methods"], "sft": {"title": title}}}, "methods.sft.title: found " + repr(title) + ", expected printable characters, without white space at either end") for title in ("a\nb", "a\tb", " a", "  ", "a\x00b", "a\u202eb")),
    ({"methods": {**BASE["methods"], "sft": {"title": "x" * 61}}}, "expected a text of at most 60 characters"),
    ({"methods": {**BASE["methods"], "sft": {"title": "SemAlign"}}}, "methods.sft.title: found 'SemAlign', which is also printed for methods.semalign"),
    ({"study": "a" * 101}, "study: found a name of 101 characters, expected at most 100"),
    ({"study": "a."}, "study: found the name 'a.', expected a letter or digit"),
    ({"study": ".."}, "study: found the name '..'"),
    ({"study": "a/b"}, "study: found the name 'a/b'"),
    ({"study": "ä"}, "study: found the name 'ä'"),
    ({"models": {**BASE["models"], "Big": {"source": "tiny", "seed": 3}}}, "models: found 'big' and 'Big', expected names that differ in more"),
    ({"methods": {**BASE["methods"], "x" * 200: {"method": "sft"}}}, ": found a name of 200 characters"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "line"), CASES, ids=[line[:50] for _, line in CASES])
def test_what_makes_no_sense_is_told_with_its_key(changes: dict[str, Any], line: str) -> None:
    lines = told({**BASE, **changes})
    assert any(line in one for one in lines), lines


GOOD: list[dict[str, Any]] = [
    {"r": {**RESIDUAL, "signals": {"residual.bases": "random", "residual.seed": 3}}},
    {"r": {**RESIDUAL, "signals": {"residual.source": "shuffled", "residual.seed": 3}}},
    {"r": {**RESIDUAL, "signals": {"residual.bases": "head-rows", "residual.fold_final_norm": True}}},
    {"r": {**RESIDUAL, "signals": {"residual.source": "labels", "residual.temperature": 2.0}}},
    {"r": {**RESIDUAL, "divergence_weight": 1.0, "signals": {"logits.temperature": 2.0}}},
    {"r": {**RESIDUAL, "rho": 0.0}, "s": {**RESIDUAL, "layers": "last", "rounds": 3}},
    {"oracle": {"signals": {"oracle.of": "sft", "oracle.seed": 5}}},
    {"residual-start": {"signals": {"residual.bases": "random", "logits.top_k": 8}}},
    {"sft": {"layers": "first"}},
]


@pytest.mark.parametrize("methods", GOOD, ids=[str(number) for number in range(len(GOOD))])
def test_settings_of_displacements_that_have_an_effect_are_accepted(methods: dict[str, Any]) -> None:
    assert told({**BASE, "methods": {**BASE["methods"], **methods}}) == []


def test_rates_that_are_there_twice_are_one_problem() -> None:
    twice = {**BASE, "search": {"learning_rates": [1, 1.0], "widen": 1}}
    assert told(twice) == ["search.learning_rates: found 1.0 twice, expected it once"]


def test_an_oracle_reads_a_method_that_is_trained_where_the_pairs_are() -> None:
    narrow = {"oracle": {"signals": {"oracle.of": "sft"}}, "sft": {"benchmarks": ["facts"]}}
    data = {**BASE, "methods": {**BASE["methods"], **narrow}}
    assert told({**data, "pairs": {"p": {**BASE["pairs"]["p"], "benchmarks": ["facts"]}}}) == []
    assert "expected a method that is trained on all benchmarks of methods.oracle" in told(data)[0]


def test_several_kinds_of_problems_are_told_at_once() -> None:
    data = {**BASE, "seeds": [0, 0], "contrasts": [["sft", "sft"]], "alignment": {"map": "no"}}
    data["benchmarks"] = {"fact": {}}
    first = told(data)
    assert len(first) == 2  # the sections agree before they are compared with what is installed
    data = {**data, "seeds": [0], "contrasts": []}
    assert {line.split(":")[0] for line in told(data)} == {"alignment.map", "benchmarks.fact"}


def test_the_attribution_matters_to_pairs_of_all_layers_by_segment_alone() -> None:
    axes = {"ablations": {"axes": {"attribution.granularity": ["neuron"]}}}
    by_depth, by_segment = ({"pairs": "all", "rule": rule} for rule in ("depth", "segment"))
    assert told({**BASE, **axes, "pairing": by_segment}) == []
    (line,) = told({**BASE, **axes, "pairing": by_depth})
    assert line.startswith("ablations.axes.attribution.granularity: found 'neuron', which changes nothing")


def test_problems_that_follow_from_another_one_are_not_told() -> None:
    methods = {"studnet": {}, "teacher": {}, "semalign": {}, "stf": {}}
    data = {**BASE, "methods": methods, "contrasts": [["semalign", "stf"]], "seeds": [0, 0]}
    lines = told(data)
    assert [line.split(":")[0] for line in lines] == ["methods.studnet", "methods.stf", "seeds"]


def test_a_study_that_is_only_prepared_makes_nothing_only_as_a_whole() -> None:
    data = {"study": "s", "models": {"far": {"source": "tiny"}}}
    study = study_of(config_of(data))
    checked(study, whole=False)
    with pytest.raises(UserError, match="which makes nothing; expected pairs"):
        checked(study)
    with pytest.raises(
        UserError, match=r"found 'foo' with nothing else, .* add `--configfile config/config\.yaml`"
    ):
        checked(study_of(config_of({"study": "foo"})))


def test_two_names_of_one_folder_are_the_same_model(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    models = {"big": {"source": "folder", "path": str(tmp_path)}, "small": {"source": "folder", "path": str(tmp_path / "link"), "dtype": "bfloat16"}}  # fmt: skip
    assert any("same model as the teacher" in line for line in told({**BASE, "models": models}))


def test_one_notebook_that_reads_only_tables_that_are_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notebooks").mkdir()
    own = {"caption": "Own.", "reads": ["geometry.csv"], "figures": []}
    (tmp_path / "notebooks/own.ipynb").write_text(json.dumps({"metadata": {"semalign": own}}))
    assert told({**BASE, "notebooks": ["own"]}) == [
        "notebooks: found 'own', which reads geometry.csv; expected analyses that make one of them"
    ]


def test_folders_of_two_stages_with_the_same_key_differ() -> None:
    from semalign.study.definition import parse_study
    from semalign.study.variants import resolve, signal_name

    def method(key: str) -> dict[str, Any]:
        return {"method": "semalign", "signals": {"attribution.score": "random", key: 1}}

    methods = {**BASE["methods"], "a": method("attribution.seed"), "b": method("pairing.seed"), "c": method("alignment.seed")}  # fmt: skip
    study = parse_study({**BASE, "methods": methods})
    names = [signal_name(study, resolve(study, name, "default")[1], "alignment") for name in "abc"]
    assert names == [
        "score~random+attribution-seed~1",
        "score~random+pairing-seed~1",
        "score~random+seed~1",
    ]


@pytest.fixture
def folder_models(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Writes two folders whose config.json says only the architecture and sizes."""

    def write(**facts: Any) -> dict[str, Any]:
        for name in ("big", "small"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "config.json").write_text(json.dumps(facts))
        return {name: {"source": "folder", "path": str(tmp_path / name)} for name in ("big", "small")}

    return write


def test_a_matrix_that_the_student_does_not_have_is_told_before_any_work(
    folder_models: Callable[..., dict[str, Any]],
) -> None:
    models = folder_models(architectures=["GPTNeoXForCausalLM"], hidden_size=32, intermediate_size=64)
    methods = {**BASE["methods"], "sft": {"lora": {"rank": 65, "projections": ["up", "v"]}}}
    lines = told({**BASE, "models": models, "methods": methods})
    assert any("methods.sft.lora.projections: found 'v', which GPTNeoXForCausalLM does not have" in line for line in lines)  # fmt: skip
    assert any("methods.sft.lora.rank: found 65, expected at most 64" in line for line in lines)


def test_an_architecture_with_a_fused_feed_forward_network_is_told_for_laten(
    folder_models: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from semalign.models.architectures import ARCHITECTURES, Architecture

    fused = {"gate": ("mlp.gate_up_proj", 0), "up": ("mlp.gate_up_proj", 1)}
    separate = {"o": "self_attn.o_proj", "down": "mlp.down_proj"}
    monkeypatch.setitem(ARCHITECTURES, "Phi3ForCausalLM", Architecture(projections=separate, fused=fused))
    models = folder_models(architectures=["Phi3ForCausalLM"], hidden_size=32, intermediate_size=64)
    methods = {"student": {}, "teacher": {}, "laten": {}}
    lines = told({**BASE, "models": models, "methods": methods})
    expected = "whose gate and up are one matrix (mlp.gate_up_proj); expected an architecture with separate matrices up, down, o"
    assert f"methods.laten: found Phi3ForCausalLM (models.big), {expected}" in lines


def test_the_shipped_configs_are_good() -> None:
    own_pair, own_text = "own-pair.yaml", "pruned.yaml"  # these name files of the user
    for path in [*ROOT.glob("config/*.yaml"), *ROOT.glob("config/examples/*.yaml")]:
        if path.name not in (own_pair, own_text) and (data := yaml.safe_load(path.read_text())):
            assert told(data) == [], path


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """80 rows of a user's own file."""
    path = tmp_path / "rows.jsonl"
    path.write_text(
        "".join(json.dumps({"prompt": f"Add {i} and 1:", "answer": str(i + 1)}) + "\n" for i in range(80))
    )
    return path


def test_equal_rows_are_one_benchmark_and_no_mixture(rows: Path) -> None:
    copy = rows.with_name("copy.jsonl")
    copy.write_bytes(rows.read_bytes())
    own = {"path": str(rows)}
    assert told({**BASE, "benchmarks": {"a": own, "b": {"path": str(copy)}}}) == [
        "benchmarks.b: found the rows and settings of benchmarks.a, expected them once"
    ]
    other = {"path": str(copy), "seed": 1}
    assert told({**BASE, "benchmarks": {"a": own, "b": other}}) == []  # two draws of the splits
    [line] = told({**BASE, "benchmarks": {"a": own, "b": other, "m": {"parts": ["a", "b"]}}})
    assert line.startswith("benchmarks.m.parts: found a and b, which read the same rows")


def test_examples_are_compared_with_what_is_left_for_training(rows: Path) -> None:
    def asked(count: int) -> list[str]:
        methods = {**BASE["methods"], "sft": {"optimisation": {"examples": count}}}
        return told({**BASE, "benchmarks": {"a": {"path": str(rows)}}, "methods": methods})

    assert asked(44) == []  # 80 rows without 16 of test, 4 of extract, 8 of align and 8 of validation
    assert asked(45)[0].startswith(
        "methods.sft.optimisation.examples: found 45, expected at most the 44 examples"
    )
    axes = {"others": {"sft": {"optimisation.examples": [45]}}}
    [line] = told({**BASE, "benchmarks": {"a": {"path": str(rows)}}, "ablations": axes})
    assert line.startswith("ablations.others.sft.optimisation.examples: found 45")


def test_two_pairs_of_one_folder_under_two_names_are_one(rows: Path) -> None:
    models = {"big": {"source": "folder", "path": str(rows.parent)}, "again": {"source": "folder", "path": f"{rows.parent}/."}, "small": {"source": "tiny"}}  # fmt: skip
    pairs = {"p": {"teacher": "big", "student": "small"}, "q": {"teacher": "again", "student": "small"}}
    lines = told({**BASE, "models": models, "pairs": pairs})
    assert "pairs.q: found teacher, student and benchmark facts of pairs.p, expected them once" in lines


def test_a_data_file_that_is_not_there_is_told_with_its_key_and_a_near_name(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").touch()
    section = {"path": str(tmp_path / "trian.jsonl"), "separator": r"\n"}
    lines = told({**BASE, "benchmarks": {"mine": section}})
    assert lines == [r"benchmarks.mine.separator: " + lines[0].partition(": ")[2]]
    assert lines[0].endswith(r'; a line break is "\n", in double quotes')
    del section["separator"]
    (line,) = told({**BASE, "benchmarks": {"mine": section}})
    assert line.startswith(
        f"benchmarks.mine.path: found no file {tmp_path}/trian.jsonl (did you mean train.jsonl?)"
    )


def test_a_gguf_file_that_is_not_in_its_package_is_told_at_the_start() -> None:
    big = {"source": "gguf-package", "file": "nothing.gguf"}
    (line,) = told({**BASE, "models": {**BASE["models"], "big": big}})
    assert line.startswith("models.big.file: ") and "nothing.gguf" in line
