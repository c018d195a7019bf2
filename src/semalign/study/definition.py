"""From config files to a study whose sections agree, or to all problems of them."""

import copy
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from semalign.config.explaining import explain, place_of
from semalign.config.extending import Config, config_of, read_config
from semalign.config.revisions import with_revisions
from semalign.runtime.errors import UserError
from semalign.study import budgets, meetings, naming, references, sense
from semalign.study.meetings import with_known_places
from semalign.study.references import Check
from semalign.study.sections import Study

__all__ = ["Study", "load_study", "parse_study", "problems_of", "study_of"]
# checks of a study whose single values are valid; each yields one line per problem
CHECKS = (*naming.CHECKS, *references.CHECKS, *budgets.CHECKS, *sense.CHECKS)
# checks of what is trained where; an unknown benchmark, which is told anyway, must not bring further lines here
OF_PLACES = (*meetings.CHECKS, *sense.OF_PLACES)
ENTRIES = ("models", "pairs", "benchmarks", "methods")


def parse_study(data: dict[str, Any]) -> Study:
    """Validate a config as read from YAML, after merging it into the file that `extends` names.

    Raises UserError, which names each wrong key, what was found and what was expected.
    """
    return study_of(config_of(data))


def load_study(path: Path | str) -> Study:
    """Read and validate a config file."""
    return study_of(read_config([path]))


def study_of(config: Config) -> Study:
    """Validate a merged config. Raises UserError with all of its problems, each with the file that has its key."""
    study, lines = _read(config)
    if lines or not study:
        raise UserError(*config.name_all(lines, fallback=True, judge=_told))
    return study


def problems_of(config: Config, check: Callable[[Study], object]) -> Sequence[str] | None:
    """Return the problems that `check` has with a config; None if it is not valid, and can't be checked."""
    study, lines = _read(config)
    if lines or not study:
        return None
    try:
        check(study)
    except UserError as error:
        return error.lines
    return []


def _read(config: Config) -> tuple[Study | None, list[str]]:
    """The study of a config, without the keys that are wrong, if it can do without them; and all problems."""
    data = with_revisions(config.data)
    lines: list[str] = []
    try:
        study: Study | None = Study.model_validate(data)
    except ValidationError as error:
        lines = explain(error, Study)
        study = _rest(data, error)
    if study:
        found = (*_all(CHECKS, study), *_all(OF_PLACES, with_known_places(study)))
        lines += [line for line in found if not _follows(line, study, data)]
    return study, list(dict.fromkeys(lines))


def _all(checks: Sequence[Check], study: Study) -> list[str]:
    return [line for check in checks for line in check(study)]


def _told(config: Config) -> list[str] | None:
    """The problems of a config; None if it is too incomplete to be checked."""
    study, lines = _read(config)
    return lines if study else None


def _rest(data: dict[str, Any], error: ValidationError) -> Study | None:
    """The study without the keys that are wrong, to check the others too; None if it can't do without them."""
    wrong = [place_of(Study, item["loc"]).keys for item in error.errors()]
    if any(not keys or keys in [(name,) for name in ENTRIES] or keys[:1] == ("pairs",) for keys in wrong):
        return None
    data = copy.deepcopy(data)
    for keys in wrong:
        _remove(data, keys)
    try:
        return Study.model_validate(data)
    except ValidationError:
        return None


def _remove(data: Any, keys: Sequence[str | int]) -> None:
    """Remove the last key that is a section's, which may hold a list with the wrong value."""
    texts = list(itertools.takewhile(lambda key: isinstance(key, str), keys))
    for key in texts[:-1]:
        data = data.get(key) if isinstance(data, dict) else None
    if isinstance(data, dict):
        data.pop(texts[-1], None)


def _follows(line: str, study: Study, data: dict[str, Any]) -> bool:
    """Whether a problem only follows from an entry that was left out because it is wrong itself."""
    left_out = {
        section: [name for name in data.get(section) or () if name not in getattr(study, section)]
        for section in ENTRIES
    }
    if left_out["methods"] and line.startswith("methods: found no "):
        return True
    return any(str(name) in line for names in left_out.values() for name in names)
