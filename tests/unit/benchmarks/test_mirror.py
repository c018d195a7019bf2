"""Both sources of the published benchmarks: the hub, and a mirror folder that a command makes from it and checks."""

import gzip
import hashlib
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fabricated_mirror import rows, write_hub
from huggingface_hub import errors

from semalign.benchmarks import command, gsm8k, hub
from semalign.benchmarks.command import check, source_of
from semalign.benchmarks.mirror import SUMS, read_mirror, write_mirror
from semalign.benchmarks.origin import load
from semalign.benchmarks.registry import PUBLISHED, check_sources, folders_of, module_of, prepare
from semalign.benchmarks.source import Part, Source, checksum, verify
from semalign.benchmarks.stage import prepare_benchmark
from semalign.config.benchmarks import Mixture, RealBenchmark
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json, write_json
from semalign.study.definition import parse_study


def one_line(error: pytest.ExceptionInfo[UserError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


def pinned(source: Source, found: dict[str, Any]) -> Source:
    """The source as if the fabricated rows were its pinned revision."""
    parts = {
        name: replace(source.parts[name], rows=len(r), checksum=checksum(r)) for name, r in found.items()
    }
    return replace(source, parts=parts)


@pytest.fixture
def fabricated_hub(
    mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, dict[str, Any]]:
    """The fabricated rows on a hub that serves local files; returns benchmark -> part -> rows."""
    found = {name: read_mirror(source_of(name), mirror, source_of(name).required) for name in PUBLISHED}
    write_hub(tmp_path / "hub", found)
    asked: list[tuple[str, str]] = []

    def download(repository: str, file: str, repo_type: str, revision: str) -> str:
        assert repo_type == "dataset" and len(revision) == 40
        asked.append((repository, file))
        return str(tmp_path / "hub" / repository / file)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    monkeypatch.setattr(command, "source_of", lambda name: pinned(source_of(name), found[name]))
    return found


def test_every_source_is_pinned_and_counts_the_official_test_sets() -> None:
    assert {name: folders_of(name) for name in PUBLISHED} == {
        "gsm8k": ("gsm8k",),
        "humaneval": ("humaneval", "mbpp"),
        "mbpp": ("mbpp",),
        "mmlu": ("mmlu",),
    }
    tests = {name: source_of(name).parts["test"].rows for name in PUBLISHED}
    assert tests == {"mmlu": 14042, "gsm8k": 1319, "humaneval": 164, "mbpp": 500}
    for name in PUBLISHED:
        source = source_of(name)
        assert source.name == name and len(source.revision) == 40 and "/" in source.repository
        assert all(len(part.checksum or 64 * "x") == 64 for part in source.parts.values())
        assert source.licence.startswith(("MIT", "CC BY 4.0"))


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_mirror_comes_from_the_config_or_the_environment(
    name: Any, mirror: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = RealBenchmark(benchmark=name, verify=False)
    given = prepare(name, settings, str(mirror))
    monkeypatch.setenv("SEMALIGN_MIRROR", str(mirror))
    assert prepare(name, settings).splits == given.splits
    assert module_of(name, settings) == PUBLISHED.module_of(name)
    assert str(mirror) not in json.dumps(given.origin)


def test_a_benchmark_is_stored_with_its_shots_and_origin(mirror: Path, tmp_path: Path) -> None:
    settings = RealBenchmark(benchmark="mbpp", verify=False).model_dump(mode="json")
    write_json(tmp_path / "settings.json", settings)
    prepare_benchmark("mbpp", tmp_path / "settings.json", tmp_path / "out", mirror=str(mirror))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *("align.jsonl", "extract.jsonl", "heal.jsonl", "run.json", "shots.jsonl"),
        *("test.jsonl", "train.jsonl", "validation.jsonl"),
    ]
    record = read_json(tmp_path / "out/run.json")
    assert record["origin"]["mbpp"]["revision"] == source_of("mbpp").revision
    assert record["origin"]["mbpp"]["verified"] is False
    assert "shots.jsonl" in record["outputs"]


@pytest.mark.parametrize(
    ("lost", "name"),
    [
        ("gsm8k/test.jsonl", "gsm8k"),
        ("mmlu/dev/abstract_algebra_dev.csv", "mmlu"),
        ("humaneval/HumanEval.jsonl.gz", "humaneval"),
        ("mbpp/mbpp.jsonl", "humaneval"),
        ("mbpp/mbpp.jsonl", "mbpp"),
    ],
)
def test_a_missing_file_is_named(lost: str, name: Any, mirror: Path) -> None:
    (mirror / lost).unlink()
    with pytest.raises(
        UserError, match=f"{lost}: no such file in the mirror; run .semalign-data prepare"
    ) as error:
        prepare(name, RealBenchmark(benchmark=name, verify=False), str(mirror))
    one_line(error)


def test_a_missing_folder_is_found_before_any_work(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = parse_study({"study": "s", "benchmarks": {"humaneval": {"test": 40}}, "mirror": str(mirror)})
    check_sources(study.benchmarks, study.mirror)
    shutil.rmtree(mirror / "mbpp")
    with pytest.raises(UserError, match=f"mirror {mirror}: no folder mbpp; "):
        check_sources(study.benchmarks, study.mirror)
    with pytest.raises(UserError, match="config: mirror: no folder /absent"):
        check_sources(study.benchmarks, "/absent")
    monkeypatch.setenv("SEMALIGN_MIRROR", "/gone")
    with pytest.raises(UserError, match="SEMALIGN_MIRROR: no folder /gone, expected a mirror"):
        check_sources(study.benchmarks, None)
    monkeypatch.delenv("SEMALIGN_MIRROR")
    check_sources(study.benchmarks, None)  # the hub may be reachable


def test_another_edition_is_refused_with_both_checksums(mirror: Path) -> None:
    with pytest.raises(UserError) as error:
        prepare("gsm8k", RealBenchmark(benchmark="gsm8k"), str(mirror))
    found = checksum(read_mirror(gsm8k.SOURCE, mirror, ["train"])["train"])[:12]
    expected = str(gsm8k.SOURCE.parts["train"].checksum)[:12]
    assert one_line(error) == (
        f"mirror {mirror}: gsm8k train: found 80 rows with checksum {found}, expected 7473 with {expected} "
        "(another revision? `verify: false` accepts it)"
    )


def test_a_row_without_a_column_is_one_line(mirror: Path) -> None:
    for file, name in (("gsm8k/test.jsonl", "gsm8k"), ("mbpp/mbpp.jsonl", "mbpp")):
        lines = (mirror / file).read_text(encoding="utf-8").splitlines(keepends=True)
        row = json.loads(lines[2])
        kept = {"task_id": 13} if name == "mbpp" else {"question": row["question"]}
        (mirror / file).write_text(
            "".join([*lines[:2], json.dumps(kept) + "\n", *lines[3:]]), encoding="utf-8"
        )
        with pytest.raises(
            UserError, match=f"{name} test: row [13] has no .*, expected the columns"
        ) as error:
            prepare(name, RealBenchmark(benchmark=name, verify=False), str(mirror))  # type: ignore[arg-type]
        one_line(error)


def test_sums_beside_the_files_are_checked(mirror: Path) -> None:
    path = mirror / "gsm8k/test.jsonl"
    good = hashlib.sha256(path.read_bytes()).hexdigest()
    (mirror / "gsm8k" / SUMS).write_text(f"{good} *./test.jsonl\n{'0' * 64}  ./LICENSE\n", encoding="utf-8")
    read_mirror(gsm8k.SOURCE, mirror, ["test"])
    path.write_bytes(path.read_bytes() + b"\n")
    bad = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(
        UserError, match=f"test.jsonl: found checksum {bad[:12]}, expected {good[:12]} .SHA256SUMS"
    ):
        read_mirror(gsm8k.SOURCE, mirror, ["test"])


def test_a_checksum_sees_any_change_but_of_white_space_around_a_text() -> None:
    found = [{"a": "x", "b": ["1", "2"]}, {"a": "y", "b": [3]}]
    same = [{"b": [" 1", "2 "], "a": "x\n"}, {"a": "y", "b": [3]}]
    assert checksum(same) == checksum(found)
    for other in (
        [found[1], found[0]],
        found[:1],
        [{**found[0], "a": "X"}, found[1]],
        [{**found[0], "b": ["12"]}],
    ):
        assert checksum(other) != checksum(found)
    source = replace(gsm8k.SOURCE, parts={"test": Part("f", 2, None)})
    verify(source, {"test": found}, "here")
    with pytest.raises(UserError, match="here: gsm8k test: found 1 rows"):
        verify(source, {"test": found[:1]}, "here")


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_hub_gives_the_same_splits_as_a_mirror(
    name: Any, mirror: Path, fabricated_hub: dict[str, dict[str, Any]]
) -> None:
    settings = RealBenchmark(benchmark=name, verify=False)
    from_hub, from_mirror = prepare(name, settings), prepare(name, settings, str(mirror))
    assert from_hub.splits == from_mirror.splits
    assert from_hub.shots == from_mirror.shots
    assert (from_hub.origin[name]["source"], from_mirror.origin[name]["source"]) == ("hub", "mirror")
    assert from_hub.origin[name]["parts"] == from_mirror.origin[name]["parts"]


def test_the_command_makes_a_mirror_that_it_finds_good(
    fabricated_hub: dict[str, dict[str, Any]], tmp_path: Path, mirror: Path
) -> None:
    made = tmp_path / "made"
    command._main(["prepare", str(made)])
    command._main(["check", str(made)])
    assert (made / "gsm8k/train.jsonl").read_bytes() == (mirror / "gsm8k/train.jsonl").read_bytes()
    assert (made / "mbpp/mbpp.jsonl").read_bytes() == (mirror / "mbpp/mbpp.jsonl").read_bytes()
    readme = (made / "mbpp/README.md").read_text(encoding="utf-8")
    assert "CC BY 4.0, Google Research" in readme and source_of("mbpp").revision in readme
    assert len((made / "mmlu" / SUMS).read_text(encoding="utf-8").splitlines()) == 6
    again = tmp_path / "again"
    command._main(["prepare", str(again)])
    for path in made.rglob("*"):
        assert path.is_dir() or path.read_bytes() == (again / path.relative_to(made)).read_bytes()
    (made / "humaneval/HumanEval.jsonl.gz").write_bytes(gzip.compress(b"{}\n"))
    with pytest.raises(UserError, match=r"HumanEval.jsonl.gz: found checksum"):
        check(made, ["humaneval"])
    with pytest.raises(UserError, match="no such folder, expected one that `semalign-data prepare` made"):
        check(tmp_path / "absent", ["humaneval"])


def test_other_rows_from_the_hub_are_refused_and_leave_nothing(
    fabricated_hub: dict[str, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "source_of", source_of)
    with pytest.raises(UserError, match=r"openai/gsm8k: gsm8k train: found 80 rows .* expected 7473"):
        command.prepare(tmp_path / "made", ["gsm8k"])
    assert not (tmp_path / "made").exists()


def test_other_columns_are_one_line(fabricated_hub: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    shutil.copy(
        tmp_path / "hub/openai/openai_humaneval/openai_humaneval/test-00000-of-00001.parquet",
        tmp_path / "hub/openai/gsm8k/main/test-00000-of-00001.parquet",
    )
    with pytest.raises(UserError, match=r"openai/gsm8k: main/test-.*: found other columns than expected"):
        hub.fetch(gsm8k.SOURCE, ["test"])


HTTP = sys.modules[errors.Response.__module__.partition(".")[0]]  # the HTTP library of the hub's client
RESPONSE = errors.Response(404, request=HTTP.Request("GET", "https://huggingface.co/datasets/x"))


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            errors.LocalEntryNotFoundError("no connection\nmore"),
            "hub can't be reached .no connection.; .*prepare",
        ),
        (errors.OfflineModeIsEnabled("offline. And more"), "hub can't be reached .offline.;"),
        (errors.RepositoryNotFoundError("404", response=RESPONSE), "openai/gsm8k: no file main/test-"),
        (OSError("broken pipe"), "hub can't be reached .broken pipe.;"),
    ],
)
def test_what_the_hub_refuses_becomes_one_line(
    error: Exception, message: str, mirror: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> str:
        raise error

    monkeypatch.setattr("huggingface_hub.hf_hub_download", fail)
    with pytest.raises(UserError, match=message) as caught:
        load(gsm8k.SOURCE, None, ["test"], True)
    one_line(caught)


def test_a_mirror_of_auxiliary_questions_is_written_and_read(tmp_path: Path) -> None:
    source = source_of("mmlu")
    row = {"subject": "", "question": "Q\n?", "options": ["a", "b", "c", "d"], "answer": 3}
    write_mirror(source, {"auxiliary": [row]}, tmp_path)
    assert read_mirror(source, tmp_path, ["auxiliary"]) == {"auxiliary": [row]}


def test_a_name_tells_the_benchmark_and_a_mixture_has_no_module() -> None:
    section = {"mmlu": None, "small": {"benchmark": "mmlu", "test": 40}, "facts": {"train": 5}}
    study = parse_study({"study": "s", "benchmarks": {**section, "both": {"parts": ["mmlu", "facts"]}}})
    wanted = {"mmlu": RealBenchmark(benchmark="mmlu"), "small": RealBenchmark(benchmark="mmlu", test=40)}
    assert all(study.benchmarks[name].model_dump() == one.model_dump() for name, one in wanted.items())
    assert module_of("both", study.benchmarks["both"]) is None
    assert isinstance(study.benchmarks["both"], Mixture)
    with pytest.raises(UserError, match=r"benchmarks\.mmlu\.tests: unknown key"):
        parse_study({"study": "s", "benchmarks": {"mmlu": {"tests": 4}}})
    with pytest.raises(
        UserError, match=r"benchmarks\.x\.benchmark: found 'mlu', expected one of gsm8k, humaneval"
    ):
        parse_study({"study": "s", "benchmarks": {"x": {"benchmark": "mlu"}}})


def test_fabricated_rows_differ_between_parts() -> None:
    given = rows()
    texts = [row["question"] for part in given["gsm8k"].values() for row in part]
    assert len(set(texts)) == len(texts)
