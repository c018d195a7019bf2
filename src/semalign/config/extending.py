"""Config files that extend another one and contain only the differences, and the place of each key in them."""

import contextlib
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from semalign.config.base import shown
from semalign.config.orphans import without_orphans
from semalign.config.reading import read_mapping, value_of
from semalign.runtime.errors import Problems, UserError

logger = logging.getLogger("semalign")
KEY = "extends"
COMMAND = "--config"  # what messages call the settings of the command line
UNNAMED = "config"
Layer = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Config:
    """The merged content of config files, and the files themselves with what each says, from weakest to strongest."""

    data: dict[str, Any]
    layers: tuple[Layer, ...] = field(default=())
    left_out: tuple[str, ...] = field(
        default=()
    )  # keys of weaker files that are about what stronger ones removed

    def name(self, line: str) -> str:
        """Return a problem preceded by the file that has its key, or unchanged if it is not about a key of the config.

        Keys of a problem are those up to the first colon and space, such as `methods.sft.lora: ...`.
        """
        key, colon, rest = line.removeprefix(f"{UNNAMED}: ").partition(": ")
        line = f"{key}{colon}{rest}"
        depths = [(_depth(data, key), number) for number, (_, data) in enumerate(self.layers)]
        depth, number = max(depths, default=(0, 0))
        return f"{self.layers[number][0]}: {line}" if depth else line

    def name_all(self, lines: Sequence[str], fallback: bool = False) -> list[str]:
        """Return problems of keys preceded by their files; with `fallback`, all the others by the strongest file."""
        named = [self.name(line) for line in lines]
        main = self.layers[-1][0] if self.layers else UNNAMED
        return [
            f"{main}: {new}" if fallback and new == old.removeprefix(f"{UNNAMED}: ") else new
            for new, old in zip(named, lines, strict=True)
        ]

    def warn(self) -> None:
        """Say which keys were left out along with others."""
        if self.left_out:
            logger.warning(
                "config: left out, since what they are about is gone: %s", ", ".join(self.left_out)
            )

    @contextlib.contextmanager
    def naming(self) -> Iterator[None]:
        """Name the files in the problems of a UserError that is raised inside."""
        try:
            yield
        except UserError as error:
            raise UserError(*self.name_all(error.lines)) from None


def read_config(paths: Sequence[Path | str], settings: Mapping[str, Any] | None = None) -> Config:
    """Read config files, each with the file that it extends, and merge them; the last one and `settings` are strongest.

    `settings` are those of the command line, whose values are texts. Raises UserError with the problems of all files.
    """
    problems = Problems()
    layers: list[Layer] = []
    for path in paths:
        with problems.collect():
            layers += _with_bases(str(path), read_mapping(path))
    if settings:
        with problems.collect():
            layers += _with_bases(COMMAND, _values(dict(settings)))
    problems.check()
    return _joined(layers)


def check_config_files(paths: Sequence[Path | str]) -> None:
    """Exit with one line per problem of config files that Snakemake is about to read."""
    try:
        read_config(paths)
    except UserError as error:
        sys.exit(error.report())


def config_of(data: dict[str, Any], name: str = UNNAMED) -> Config:
    """Return a config that is given as a mapping, with the file that it extends."""
    return _joined(_with_bases(name, data))


def read_yaml(path: Path | str) -> dict[str, Any]:
    """Read a config file as it is. Raises UserError if it can't be read or is not a mapping of sections."""
    return read_mapping(path)


def extended(data: dict[str, Any]) -> dict[str, Any]:
    """Merge a config into the file that its key `extends` names.

    Sections are merged key by key, at every depth. A list or a value replaces that of the other file, and null
    removes a key, with what the other file says of a benchmark or method that is gone. Raises UserError if the file is
    missing or if files extend each other in a circle.
    """
    return config_of(data).data


def merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return `below` updated with the keys of `above`, in the order of `below`, new keys last.

    A null for a key that `below` does not have is kept, so that it is not taken for a removal without effect.
    """
    result = dict(below)
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(below.get(key), dict):
            result[key] = merged(below[key], value)
        elif value is None and key in below and not _means_something(key, below, above):
            result.pop(key, None)
        else:
            result[key] = value
    return result


def _means_something(key: str, below: dict[str, Any], above: dict[str, Any]) -> bool:
    """Whether null is a value other than the default: no healing, or no length in epochs without one in steps."""
    return key == "healing" or (key == "epochs" and not {**below, **above}.get("steps"))


def _with_bases(name: str, data: dict[str, Any], seen: tuple[str, ...] = ()) -> list[Layer]:
    """The layers of a config: those of the file that it extends, then its own."""
    own = {key: value for key, value in data.items() if key != KEY}
    if KEY not in data:
        return [(name, own)]
    base = data[KEY]
    if not isinstance(base, str) or not base:
        raise UserError(f"{name}: {KEY}: found {shown(base)}, expected the path of a config file")
    if base in seen:
        raise UserError(f"{name}: {KEY}: found the circle {' -> '.join((*seen, base))}, expected none")
    try:
        below = read_mapping(base)
    except UserError as error:
        raise UserError(*(_relative(line, name, base) for line in error.lines)) from None
    return [*_with_bases(base, below, (*seen, base)), (name, own)]


def _relative(line: str, name: str, base: str) -> str:
    """Say which file extends a file that is missing, and that its path is relative to the working directory."""
    if not line.startswith(f"{base}: no such config file"):
        return line
    beside = Path(name).parent / base
    near = f" (there is {beside})" if name != COMMAND and beside.is_file() else ""
    return f"{name}: {KEY}: found no {base}, expected a path relative to the working directory {Path.cwd()}{near}"


def _joined(layers: Sequence[Layer]) -> Config:
    data: dict[str, Any] = {}
    left_out: list[str] = []
    for _, layer in layers:
        data, keys = without_orphans(data, layer, merged(data, layer))
        left_out += keys
    return Config(data, tuple(layers), tuple(left_out))


def _values(value: Any) -> Any:
    """Texts of the command line as the values that they would be in a file, at any depth."""
    if isinstance(value, Mapping):
        return {str(key): _values(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_values(inner) for inner in value]
    return value_of(value) if isinstance(value, str) else value


def _depth(data: Any, key: str) -> int:
    """How many characters of a dotted key lead to a value in nested mappings; names may contain dots themselves."""
    if not isinstance(data, dict):
        return 0
    depths = [
        len(own) + _depth(data[own], key[len(own) :].lstrip("."))
        for own in map(str, data)
        if key == own or key.startswith((f"{own}.", f"{own}["))
    ]
    return max(depths, default=0)
