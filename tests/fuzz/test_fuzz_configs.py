"""Configs with keys that are dropped, misspelt, duplicated or of another type: a good study or clear lines."""

import copy
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from outcomes import accepted

from semalign.study.definition import Study, load_study
from semalign.study.layout import Layout
from semalign.study.preflight import check_study

MINI = Path("tests/workflow/mini.yaml")
BASES = [MINI, Path("config/config.yaml"), Path("tests/fuzz/targets.yaml")]
CONFIGS = {path.name: yaml.safe_load(path.read_text()) for path in BASES}
Place = tuple[str | int, ...]

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 5),
    st.sampled_from([2**31, 2**63, -(2**40), 10**30]),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from(
        ["", " ", ".", "..", "a/b", "1e-4", "1.0e-4", "null", "all", "random", "ü" * 130, "x" * 300]
    ),
    st.text(max_size=8),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text("abc_.", max_size=4), inner, max_size=2)
    ),
    max_leaves=4,
)


def places(value: Any, place: Place = ()) -> Iterator[Place]:
    """Every place in a config, as the keys and indices that lead to it."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inner:
        yield (*place, key)
        yield from places(part, (*place, key))


def at(value: Any, place: Place) -> Any:
    for key in place:
        value = value[key]
    return value


def prepared(path: Path) -> Study:
    """Do with a config what the start of a run does with it."""
    study = load_study(path)
    check_study(study)
    Layout(study)
    return study


def is_fixed(place: Place) -> bool:
    """Whether the last key of a place is one that the schema defines, not a name that the user chose."""
    named = ("models", "pairs", "benchmarks", "methods", "axes", "others")
    return (
        isinstance(place[-1], str)
        and not any(part in named and index + 2 == len(place) for index, part in enumerate(place))
        and "axes" not in place[:-1]
        and "others" not in place[:-1]
    )


ALL_PLACES = [(name, place) for name, config in sorted(CONFIGS.items()) for place in places(config)]


def check_text(folder: Path, text: str) -> Study | None:
    path = folder / "study.yaml"
    path.write_text(text, encoding="utf-8")
    return accepted(lambda: prepared(path))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("configs")


@given(where=st.sampled_from(ALL_PLACES), value=VALUES)
def test_a_changed_value_is_used_or_refused(folder: Path, where: tuple[str, Place], value: Any) -> None:
    name, place = where
    config = copy.deepcopy(CONFIGS[name])
    at(config, place[:-1])[place[-1]] = value
    study = check_text(folder, yaml.safe_dump(config, allow_unicode=True))
    if study is not None and value is not None:
        assert has(study.model_dump(mode="json"), place, value)


def has(dump: Any, place: Place, wanted: Any) -> bool:
    """Whether a parsed study holds the very value that its file has at a place, as far as the place still exists."""
    for key in place:
        if isinstance(dump, dict) and key not in dump:
            return False
        dump = dump[key]
    return contains(dump, wanted)


def contains(parsed: Any, wanted: Any) -> bool:
    """Whether a parsed value says what the file says; a section may have more keys, which are defaults."""
    if isinstance(wanted, dict):
        # a null in a section stands for its default, or for an entry with default settings
        return isinstance(parsed, dict) and all(
            key in parsed and (part is None or contains(parsed[key], part)) for key, part in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(parsed, list) and len(parsed) == len(wanted) and all(map(contains, parsed, wanted))
    if isinstance(wanted, bool) or isinstance(parsed, bool):
        return parsed is wanted
    if isinstance(wanted, str) and isinstance(parsed, float):
        return math.isclose(float(wanted), parsed)  # 1e-4 is a text in YAML
    return bool(parsed == wanted)


@given(
    where=st.sampled_from([where for where in ALL_PLACES if is_fixed(where[1])]), extra=st.sampled_from("qz")
)
def test_a_misspelt_key_is_refused(folder: Path, where: tuple[str, Place], extra: str) -> None:
    name, (*parents, key) = where
    config = copy.deepcopy(CONFIGS[name])
    section = at(config, tuple(parents))
    assert isinstance(key, str)
    section[key[:2] + extra + key[2:]] = section.pop(key)
    assert check_text(folder, yaml.safe_dump(config)) is None


@given(where=st.sampled_from(ALL_PLACES))
def test_a_dropped_key_leaves_a_study_or_clear_lines(folder: Path, where: tuple[str, Place]) -> None:
    name, place = where
    config = copy.deepcopy(CONFIGS[name])
    del at(config, place[:-1])[place[-1]]
    study = check_text(folder, yaml.safe_dump(config))
    assert study is None or contains(study.model_dump(mode="json"), config)


@given(data=st.data())
def test_a_key_that_occurs_twice_is_refused(folder: Path, data: st.DataObject) -> None:
    lines = MINI.read_text().splitlines()
    keys = [
        number for number, line in enumerate(lines) if line.strip().endswith(("}", ":")) and line[:1] != "#"
    ]
    number = data.draw(st.sampled_from([n for n in keys if ":" in lines[n] and "- " not in lines[n]]))
    text = lines[number]
    key = text.split(":")[0]
    doubled = [*lines[:number], f"{key}: {{}}", *lines[number:]]
    assert check_text(folder, "\n".join(doubled)) is None


@given(data=st.data())
def test_damaged_text_is_a_study_or_clear_lines(folder: Path, data: st.DataObject) -> None:
    content = bytearray(MINI.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content) - 1))
        match data.draw(st.sampled_from(["flip", "cut", "add"])):
            case "flip":
                content[place] ^= 1 << data.draw(st.integers(0, 7))
            case "cut":
                del content[place : place + data.draw(st.integers(1, 40))]
            case _:
                content[place:place] = data.draw(
                    st.sampled_from([b"\t", b"\xff", b"\x00", b"{", b"\n- a\n", b"*x"])
                )
        content = content or bytearray(b" ")
    path = folder / "damaged.yaml"
    path.write_bytes(content)
    study = accepted(lambda: prepared(path))
    # what another reader makes of the same bytes
    assert study is None or contains(study.model_dump(mode="json"), yaml.safe_load(bytes(content)))
