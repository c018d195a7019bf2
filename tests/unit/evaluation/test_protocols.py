"""The paper's protocol and lm-eval's own for the published benchmarks: prompts, shots, decoding, names."""

from pathlib import Path
from typing import Any

import lm_eval.tasks
import pytest
import yaml
from lm_eval.utils import apply_template
from protocol_items import ITEMS, PROTOCOLS, REAL, SHOTS, SUBJECTS, Oracle, scored, settings, write_real

from semalign.benchmarks.base import Example, write_split
from semalign.config.evaluation import SAMPLED, Protocol
from semalign.evaluation import harness
from semalign.evaluation.items import ItemRecord, summarise
from semalign.evaluation.protocols import TASKS, task_names
from semalign.runtime.errors import UserError
from semalign.study.definition import parse_study

BUILT_IN = {
    "mmlu": "mmlu/default/_default_template_yaml",
    "gsm8k": "gsm8k/gsm8k.yaml",
    "humaneval": "humaneval/humaneval.yaml",
    "mbpp": "mbpp/mbpp.yaml",
}
CASES = [(name, protocol) for name in REAL for protocol in PROTOCOLS]


@pytest.fixture(scope="module")
def benchmarks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_real(tmp_path_factory.mktemp("benchmarks"))


def built_in(benchmark: str, path: str | None = None) -> dict[str, Any]:
    """The task file of the installed lm-eval; functions in it are replaced by their names."""

    class Loader(yaml.SafeLoader):
        pass

    Loader.add_constructor("!function", lambda _, node: node.value)
    found: dict[str, Any] = yaml.load(
        (Path(lm_eval.tasks.__file__).parent / (path or BUILT_IN[benchmark])).read_text(), Loader
    )
    return found


@pytest.mark.parametrize(("benchmark", "protocol"), CASES)
@pytest.mark.parametrize("knows", [True, False])
def test_oracle_has_all_and_stub_nothing(
    benchmarks: dict[str, Path], benchmark: str, protocol: str, knows: bool
) -> None:
    found = scored(Oracle(knows), benchmark, benchmarks[benchmark], settings(protocol), ITEMS[benchmark])
    assert [record.id for record in found] == [example.id for example in ITEMS[benchmark]]
    assert {record.correct for record in found} == {float(knows)}
    for record in found:
        assert set((record.other_extractions or {}).values()) <= {float(knows)}


@pytest.mark.parametrize("benchmark", REAL)
def test_the_papers_prompts_are_the_trained_ones(benchmarks: dict[str, Path], benchmark: str) -> None:
    lm = Oracle()
    harness.run_task(lm, benchmark, benchmarks[benchmark], settings(samples={}))
    prompts = dict.fromkeys(request.args[0] for request in lm.asked)
    assert list(prompts) == [example.prompt for example in ITEMS[benchmark]]


def source_row(example: Example) -> dict[str, Any]:
    """The hub's columns of an item, as lm-eval's own templates name them."""
    fields = example.fields or {}
    rows = {
        "mmlu": lambda: {"question": fields["question"], "choices": fields["options"]},
        "gsm8k": lambda: {"question": fields["question"], "answer": fields["solution"]},
        "humaneval": lambda: {"prompt": example.prompt},
        "mbpp": lambda: fields,
    }
    return rows[example.id.split("-")[0]]()


@pytest.mark.parametrize("benchmark", REAL)
def test_lm_evals_prompts_are_its_own(benchmarks: dict[str, Path], benchmark: str) -> None:
    """The prompts of our task files are those of the installed lm-eval's templates for the same rows."""
    lm, own = Oracle(), built_in(benchmark)
    harness.run_task(lm, benchmark, benchmarks[benchmark], settings("lm-eval"))
    template, delimiter = own["doc_to_text"], own.get("target_delimiter", " ")
    prompts = list(dict.fromkeys(request.args[0] for request in lm.asked))
    for example, prompt in zip(ITEMS[benchmark], prompts, strict=True):
        question = apply_template(template, source_row(example))
        if benchmark == "mmlu":
            subject = example.fields["subject"]  # type: ignore[index]
            question = built_in(benchmark, f"mmlu/default/mmlu_{subject}.yaml")["description"] + question
        assert prompt.endswith(question)
        rest = prompt.removesuffix(question)
        turns = {
            apply_template(template, source_row(shot))
            + delimiter
            + apply_template(own["doc_to_target"], source_row(shot) | {"is_fewshot": True})
            + "\n\n"
            for shot in SHOTS.get(benchmark, [])
        }
        used = 0
        while rest:
            turn = next(turn for turn in turns if rest.startswith(turn))
            rest, used = rest.removeprefix(turn), used + 1
        assert used == own.get("num_fewshot", 0)
    if benchmark == "mmlu":
        assert {request.args[1] for request in lm.asked} == {f" {choice}" for choice in own["doc_to_choice"]}


def test_shots_of_mbpp_are_the_first_and_of_gsm8k_drawn_by_seed(benchmarks: dict[str, Path]) -> None:
    asked: dict[str, list[list[str]]] = {"gsm8k": [], "mbpp": []}
    for benchmark, runs in asked.items():
        for _ in range(2):
            lm = Oracle()
            harness.run_task(lm, benchmark, benchmarks[benchmark], settings("lm-eval"))
            runs.append([request.args[0] for request in lm.asked])
        assert runs[0] == runs[1]
    first = asked["mbpp"][0][0]
    assert [first.count(f"add {i}.") for i in (12, 13, 14, 15, 0)] == [1, 1, 1, 0, 1]
    draws = {prompt.rpartition("\n\n")[0] for prompt in asked["gsm8k"][0]}
    assert len(draws) == len(ITEMS["gsm8k"])


def test_missing_shots_are_one_line(tmp_path: Path) -> None:
    write_split(tmp_path, "test", ITEMS["gsm8k"])
    with pytest.raises(UserError, match=r"shots.jsonl: no such file"):
        harness.run_task(Oracle(), "gsm8k", tmp_path / "test.jsonl", settings("lm-eval"))


@pytest.mark.parametrize("benchmark", REAL)
def test_lm_evals_decoding_and_extraction_are_its_own(benchmarks: dict[str, Path], benchmark: str) -> None:
    own, ours = built_in(benchmark), harness.load_task(benchmark, benchmarks[benchmark], settings("lm-eval"))
    assert ours.config.num_fewshot == own.get("num_fewshot", 0)
    if benchmark == "mmlu":
        return
    decoding = {"max_gen_toks": 256, **own["generation_kwargs"]}  # lm-eval's default length
    decoding.pop("temperature", None)
    assert ours.config.generation_kwargs == decoding
    assert ours.config.repeats == 1
    if benchmark == "gsm8k":
        assert ours.config.filter_list == own["filter_list"]
        assert ours.config.metric_list == own["metric_list"]


def test_headers_of_mmlu_for_every_subject() -> None:
    folder = Path(lm_eval.tasks.__file__).parent / "mmlu/default"
    files = [path for path in folder.glob("mmlu_*.yaml") if not path.name.startswith("_")]
    assert len(files) == 57
    template = yaml.safe_load((TASKS / "mmlu-lm-eval.yaml").read_text().replace("!function", ""))[
        "doc_to_text"
    ]
    for path in files:
        own = built_in("mmlu", f"mmlu/default/{path.name}")
        for subject in (own["dataset_name"], own["dataset_name"].replace("_", " ")):
            fields = {"subject": subject, "question": "Q", "options": list("wxyz")}
            assert apply_template(template, {"fields": fields}).startswith(own["description"] + "Q\n")


def test_the_papers_decoding(benchmarks: dict[str, Path]) -> None:
    found = {name: harness.describe(name, benchmarks[name], settings()) for name in REAL}
    assert {name: facts["shots"] for name, facts in found.items()} == dict.fromkeys(REAL, 0)
    assert {name: facts["samples"] for name, facts in found.items()} == {
        "mmlu": 1,
        "gsm8k": 1,
        "humaneval": 20,
        "mbpp": 20,
    }
    for name in ("humaneval", "mbpp"):
        drawn = {"do_sample": True, "temperature": 0.1, "top_p": 0.95, "max_gen_toks": 512}
        assert drawn.items() <= found[name]["decoding"].items()
    assert found["gsm8k"]["decoding"]["do_sample"] is False
    assert found["mmlu"]["decoding"] is None


@pytest.mark.parametrize(("benchmark", "protocol"), CASES)
def test_every_result_says_what_moves_it(benchmarks: dict[str, Path], benchmark: str, protocol: str) -> None:
    found = harness.describe(benchmark, benchmarks[benchmark], settings(protocol, batch_size=7))
    keys = {"template", "shots", "batch_size", "dtype", "decoding", "lm_eval", "task_version", "samples"}
    assert keys <= found.keys()
    assert (found["protocol"], found["batch_size"]) == (protocol, 7)
    lm = Oracle()
    harness.run_task(lm, benchmark, benchmarks[benchmark], settings(protocol))
    assert found["first_prompt"] == lm.asked[0].args[0]


def test_accuracy_of_every_subject(benchmarks: dict[str, Path]) -> None:
    records = harness.run_task(Oracle(), "mmlu", benchmarks["mmlu"], settings())
    records = [*records[:5], ItemRecord("x", 0.0, " A", " B", subject=SUBJECTS[1])]
    found = summarise(records, {"mmlu": "accuracy"})
    assert found["score"] == pytest.approx(
        100 * 5 / 6
    )  # every item has the same weight, whatever its subject
    assert found["subjects"] == {
        SUBJECTS[0]: {"score": 100.0, "items": 3},
        SUBJECTS[1]: {"score": pytest.approx(200 / 3), "items": 3},
    }


def test_records_have_only_the_keys_they_need(benchmarks: dict[str, Path]) -> None:
    plain = ItemRecord("a", 1.0, "x", "x").row()
    assert list(plain)[-1] == "part"
    row = harness.run_task(Oracle(), "mmlu", benchmarks["mmlu"], settings())[0].row()
    assert list(row)[len(plain) :] == ["subject", "prompt"]


def test_embedded_benchmarks_have_the_papers_protocol_alone(tmp_path: Path) -> None:
    write_split(tmp_path, "test", [Example("a", "1+1=", " 2", target="2")])
    with pytest.raises(UserError, match=r"expected paper for arithmetic.*gsm8k, humaneval, mbpp, mmlu"):
        harness.run_task(Oracle(), "arithmetic", tmp_path / "test.jsonl", settings("lm-eval"))


@pytest.mark.parametrize(("benchmark", "protocol"), CASES)
def test_a_published_benchmark_is_known_under_any_name(
    benchmarks: dict[str, Path], benchmark: str, protocol: str
) -> None:
    task = harness.load_task("mine", benchmarks[benchmark], settings(protocol))
    assert task.config.task == (benchmark if protocol == "paper" else f"{benchmark}-{protocol}")


def test_task_files_have_their_names_and_a_version() -> None:
    for name in task_names():
        found = yaml.safe_load((TASKS / f"{name}.yaml").read_text().replace("!function", ""))
        assert found["task"] == name
        assert found["metadata"]["version"] >= 1


@pytest.mark.parametrize(
    ("benchmarks", "evaluation", "error"),
    [
        (
            {"facts": {}},
            {"protocol": "lm-eval"},
            "evaluation.protocol: found 'lm-eval', which benchmark facts",
        ),
        ({"mmlu": {}}, {"samples": {"mmlu": 5}}, "evaluation.samples.mmlu: found 5, expected no entry"),
        ({"mbpp": {}}, {"protocol": "lm-eval", "samples": {"mbpp": 5}}, "evaluation.samples.mbpp: found 5"),
        ({"mbpp": {}}, {"samples": {"mbqq": 5}}, "evaluation.samples: found 'mbqq', expected one of mbpp"),
        ({"mbpp": {}}, {"protocol": "own"}, "evaluation.protocol"),
    ],
)
def test_a_config_with_no_such_protocol_is_refused(
    benchmarks: dict[str, Any], evaluation: dict[str, Any], error: str
) -> None:
    with pytest.raises(UserError, match=error):
        parse_study({"study": "s", "benchmarks": benchmarks, "evaluation": evaluation})


def test_configs_of_protocols() -> None:
    code = {"mbpp": {}, "mine": {"benchmark": "humaneval"}, "both": {"parts": ["mbpp", "mine"]}}
    paper = {"samples": {"mbpp": 5, "mine": 2}}
    for evaluation in (paper, {"protocol": "lm-eval"}):
        study = parse_study({"study": "s", "benchmarks": code, "evaluation": evaluation})
        assert study.evaluation.samples == evaluation.get("samples", {})


@pytest.mark.parametrize(("benchmark", "protocol"), CASES)
def test_the_config_knows_which_answers_are_sampled(
    benchmarks: dict[str, Path], benchmark: str, protocol: Protocol
) -> None:
    decoding = harness.describe(benchmark, benchmarks[benchmark], settings(protocol))["decoding"] or {}
    assert bool(decoding.get("do_sample")) == (benchmark in SAMPLED[protocol])
