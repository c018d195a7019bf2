"""Every error that a config can cause has the project's form, and none has the words of the validating library."""

import copy
import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from semalign.config.explaining import explain, place_of
from semalign.config.extending import config_of
from semalign.methods.registry import METHODS
from semalign.runtime.errors import UserError
from semalign.study.definition import Study, study_of

JARGON = re.compile(
    r"(?i:input should|literal|union|discriminator|pydantic|valid (list|dict|tuple|integer|string|number)|"
    r"value error)|\bNone\b|\bTrue\b|\bFalse\b|NoneType|<class|\bdict\b|\bstr\b|\bint\b"
)
FORM = re.compile(r"[\w.\[\]-]+: (found .+[,;] expected.* .+|unknown \w+, expected one of .+)", re.DOTALL)
WRONG: list[Any] = [
    None, True, 3, -1, 0, 2.5, -2.5, 10**30, float("inf"), float("nan"), "text", "", "7", [], [None], [True, "7"],
    [-1], [2**40], [1.5], {}, {"unknown": 1}, {"text": None}, [[]], [["a"]], [["a", "b", "c"]], "main",
]  # fmt: skip
BASE: dict[str, Any] = {
    "study": "s",
    "models": {
        "a": {"source": "tiny"},
        "b": {"source": "tiny", "seed": 1},
        "c": {"source": "pruned", "teacher": "a", "layers": 2, "text": [{"benchmark": "facts"}], "healing": {}},
        "d": {"source": "folder", "path": "/models/d"},
        "e": {"source": "hub", "repository": "org/name", "revision": "v1"},
        "g": {"source": "gguf-package"},
    },
    "pairs": {"p": {"teacher": "a", "student": "b", "benchmarks": ["facts"]}},
    "benchmarks": {
        "facts": {},
        "gsm8k": {},
        "own": {"path": "own.jsonl"},
        "mixed": {"parts": ["facts", "own"]},
    },
    "methods": {"student": {}, "teacher": {}, **{name: {} for name in METHODS if name not in ("student", "teacher")}},
    "scores": {"models": ["a"], "published": [{"model": "a", "benchmark": "facts", "score": 1.0, "source": "x"}]},
}  # fmt: skip


def sections(section: BaseModel, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every key of a study, with the keys above it."""
    for name in type(section).model_fields:
        yield above, name
        value = getattr(section, name)
        inner = value if isinstance(value, dict) else {"": value}
        for key, entry in inner.items():
            if isinstance(entry, BaseModel):
                yield from sections(entry, (*above, name, key) if key else (*above, name))


def placed(keys: tuple[str, ...], value: Any) -> dict[str, Any]:
    """The base config with another value at some keys."""
    data = copy.deepcopy(BASE)
    inner = data
    for key in keys[:-1]:
        inner = inner.setdefault(key, {})
    inner[keys[-1]] = value
    return data


def problems(data: dict[str, Any]) -> list[str]:
    """The lines of the errors of a config; empty if it is valid."""
    try:
        study_of(config_of(data, "mine.yaml"))
    except UserError as error:
        return list(error.lines)
    return []


KEYS = [(*above, name) for above, name in sections(study_of(config_of(BASE)))]


@pytest.mark.parametrize("keys", KEYS, ids=".".join)
def test_a_wrong_value_of_any_key_is_told_in_our_words(keys: tuple[str, ...]) -> None:
    dotted = ".".join(keys)
    for value in WRONG[KEYS.index(keys) % 5 :: 5]:  # keys of one type follow each other
        for line in problems(placed(keys, value)):
            name, _, rest = line.partition(": ")
            assert name == "mine.yaml", line
            assert FORM.fullmatch(rest) and "\n" not in rest, line
            own = re.sub(r"'[^']*'|`[^`]*`", "", rest.partition(": ")[2])  # without names and values
            assert not JARGON.search(own), line
        with_other = placed((*keys[:-1], f"{keys[-1]}x"), 1)
        assert any(f"{dotted}x: " in line for line in problems(with_other)), dotted


def test_every_error_of_the_schema_was_caused_above() -> None:
    seen: set[str] = set()
    few = (
        "study seeds models models.a.source pairing.pairs methods.sft alignment.shuffled statistics.alpha pairs.p.teacher "
        "models.c.text models.a.width pairs.p"
    )
    for keys in (tuple(key.split(".")) for key in few.split()):
        for value in WRONG:
            try:
                Study.model_validate(placed(keys, value))
            except ValidationError as error:
                seen |= {item["type"] for item in error.errors()}
    assert {"extra_forbidden", "missing", "literal_error", "union_tag_invalid"} <= seen
    assert {"int_type", "float_type", "string_type", "bool_type", "list_type", "dict_type"} <= seen
    assert {"finite_number", "too_short", "greater_than", "less_than_equal", "value_error"} <= seen


@pytest.mark.parametrize(
    ("keys", "value", "line"),
    [
        (("seedz",), [1], "seedz: unknown key, expected one of study, "),
        (("seedz",), [1], "(did you mean seeds?)"),
        (("optimisation",), {"epochs": 3}, "optimisation: unknown key of the top level, expected it in the section of a method (methods.<name>.optimisation)"),
        (("statistics", "resamples\u00a0"), 200, "statistics.resamples\\xa0: unknown key with U+00A0, expected one of resamples, "),
        (("statistics", "res\u0430mples"), 200, "statistics.res\\u0430mples: unknown key with U+0430"),
        (("statistics", "resamples"), "200", "statistics.resamples: found '200', expected a whole number; remove the quotes"),
        (("statistics", "resamples"), 1e3, "statistics.resamples: found 1000.0, expected a whole number; write 1000"),
        (("statistics", "confidence"), "9e-1", "found '9e-1', expected a number; remove the quotes"),
        (("statistics",), "resamples:200", "found 'resamples:200', expected a section (keys with values); put a space after the colon"),
        (("models", "h"), {"source": "hub", "repository": "a/b", "revision": " main"}, "models.h.revision: found ' main', expected a commit hash or a tag, since a branch moves"),
        (("models", "h"), {"source": "hub", "repository": "a/b", "revision": "refs/heads/x"}, "since a branch moves"),
        (("models", "h"), {"source": "hub", "repository": "a/b", "revision": "../x"}, "models.h.revision: found '../x', expected a commit hash or a tag, without spaces"),
        (("models", "h"), {"source": "hub", "repository": "../..", "revision": "v1"}, "models.h.repository: found '../..', expected owner/name as on the hub"),
        (("methods", "sft", "optimisation"), {"epoch": 3}, "methods.sft.optimisation.epoch: unknown key, "),
        (("methods", "sft", "optimisation"), {"epoch": 3}, "(did you mean epochs?)"),
        (("methods", "semaling"), {}, "methods.semaling: unknown method, expected one of "),
        (("methods", "semaling"), {}, ", or another name with `method:` (did you mean semalign?)"),
        (("methods", "x"), {"method": "SFT"}, "methods.x.method: found 'SFT', expected one of "),
        (("methods", "sft"), 3, "methods.sft: found 3, expected a section (keys with values)"),
        (("methods", "sft", "layers"), "al", "methods.sft.layers: found 'al', expected one of paired, first, last, all (did you"),
        (("methods", "sft"), {"rank": 4}, "methods.sft.rank: unknown key, expected it in the section `lora` of the method"),
        (("methods", "sft"), {"lora.rank": 4}, "methods.sft.lora.rank: unknown key, expected `rank` in the section `lora`"),
        (("methods", "sft"), {"residual.bases": "random"}, "methods.sft.residual.bases: unknown key, expected it under `signals` of the method, as `residual.bases`"),
        (("methods", "pullback"), {"pullback": {"steps": 3}}, "methods.pullback.pullback: unknown key, expected it under `signals` of the method, as `pullback.steps`"),
        (("methods", "semalign"), {"bases": "random"}, "methods.semalign.bases: unknown key, expected it under `signals` of the method, as `residual.bases`"),
        (("methods", "sft"), {"batch_size": 3}, "methods.sft.batch_size: unknown key, expected it in the section `optimisation` of the method"),
        (("residual.bases",), "random", "residual.bases: unknown key, expected `bases` in the section `residual`"),
        (("benchmarks", "x"), {"of": "facts"}, "benchmarks.x: found `of` without other answers, expected `corrupted` or `answered_by` with it"),
        (("benchmarks", "x"), {"of": "facts", "corrupted": 0.2, "answered_by": "a"}, "benchmarks.x: found both `corrupted` and `answered_by`, expected one of them"),
        (("benchmarks", "x"), {"of": "facts", "answeredby": "a"}, "benchmarks.x.answeredby: unknown key, expected one of corrupted, answered_by (did you mean answered_by?)"),
        (("models", "d"), {"source": "folder", "paht": "/m"}, "models.d.paht: unknown key, expected one of dtype, "),
        (("models", "a"), {"source": "tyni"}, "models.a.source: found 'tyni', expected one of tiny, "),
        (("models", "a"), {"sources": "tiny"}, "models.a.source: found nothing, expected one of tiny, "),
        (("models", "d"), {"source": "folder"}, "models.d.path: found nothing, expected: folder that contains"),
        (("seeds",), [0, True], "seeds[1]: found true, expected a whole number"),
        (("seeds",), [0, "7"], "seeds[1]: found '7', expected a whole number"),
        (("seeds",), [-1], "seeds[0]: found -1, expected at least 0"),
        (("seeds",), [2**32], "seeds[0]: found 4294967296, expected at most 4294967295"),
        (("seeds",), [], "seeds: found [], expected at least 1 of them"),
        (("study",), 2026, "study: found 2026, expected a text; put it in quotes"),
        (("pairing", "pairs"), "al", "pairing.pairs: found 'al', expected a whole number or all (did you mean all?)"),
        (("pairing", "pairs"), 0, "pairing.pairs: found 0, expected at least 1, or all"),
        (("benchmarks", "facts"), {"train": -1}, "benchmarks.facts.train: found -1, expected at least 1"),
        (("contrasts",), [["sft"]], "contrasts[0]: found ['sft'], expected a list of 2 names"),
        (("alignment", "minimum_shared"), float("nan"), "alignment.minimum_shared: found .nan, expected a finite number"),
        (("methods", "sft", "optimisation"), {"epochs": float("inf")}, "optimisation.epochs: found .inf, expected a finite"),
        (("methods", "sft", "lora"), {"rank": 10**9}, "methods.sft.lora.rank: found 1000000000, expected at most 65536"),
        (("models", "e", "revision"), "main", "models.e.revision: found 'main', expected a commit hash or a tag"),
    ],
)  # fmt: skip
def test_a_line_names_the_key_what_was_found_and_what_was_expected(
    keys: tuple[str, ...], value: Any, line: str
) -> None:
    (told,) = problems(placed(keys, value))
    assert line in told


def test_the_keys_of_an_error_are_those_of_the_file() -> None:
    loc = ("methods", "sft", "sft", "lora", "rank")
    assert place_of(Study, loc).keys == ("methods", "sft", "lora", "rank")
    assert place_of(Study, ("benchmarks", "facts", "embedded", "train")).keys == (
        "benchmarks",
        "facts",
        "train",
    )
    text = ("models", "c", "pruned", "text", 0, "benchmark", "benchmark")
    assert place_of(Study, text).keys == ("models", "c", "text", 0, "benchmark")
    assert place_of(Study, ("pairing", "pairs", "int")).keys == ("pairing", "pairs")


def test_independent_mistakes_are_told_together() -> None:
    data = placed(("seeds",), [-1])
    data["alignment"] = {"mapp": "x"}
    data["methods"]["sft"] = {"lora": {"rank": "big"}}
    data["pairs"]["p"]["teacher"] = "A"
    lines = problems(data)
    assert [line.split(": ")[1] for line in lines] == [
        "seeds[0]",
        "alignment.mapp",
        "methods.sft.lora.rank",
        "pairs.p.teacher",
    ] or len(lines) == 4


def test_a_section_alone_is_explained_by_its_own_keys() -> None:
    from semalign.config.statistics import StatisticsSettings

    with pytest.raises(ValidationError) as error:
        StatisticsSettings.model_validate({"alpha": 2, "sead": 1})
    assert explain(error.value, StatisticsSettings) == [
        "alpha: found 2, expected less than 0.5",
        "sead: unknown key, expected one of resamples, confidence, alpha, power, seed (did you mean seed?)",
    ]
