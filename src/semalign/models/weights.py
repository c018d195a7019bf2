"""The safetensors files that a model's weights are read from, as transformers chooses them, and the tensors in them.

transformers reads `model.safetensors` if it is there, otherwise the files that `model.safetensors.index.json` names.
Other files in the folder are of an earlier save or of another format, and are read neither there nor here.
"""

import contextlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from semalign.models.architectures import Architecture
from semalign.models.headers import Entry, read_header, read_start, unreadable
from semalign.models.naming import listed, own_name
from semalign.runtime.errors import Problems, UserError

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
RANKS = re.compile(r"shard-\d{5}-model-\d{5}-of-\d{5}\.safetensors")  # transformers would read these instead
OTHERS = ("adapter*.safetensors", "consolidated*.safetensors")  # other formats, known not to be shards


@dataclass(frozen=True)
class Weights:
    """The tensors that a model is read from, by their names in `Architecture`, and their files.

    `unread` are other files that look like weights of the same model.
    """

    folder: Path
    files: tuple[Path, ...]
    tensors: Mapping[str, Entry]
    unread: tuple[str, ...] = ()

    @property
    def index(self) -> Path | None:
        """The index, if the files are its shards."""
        return None if self.files == (self.folder / SINGLE,) else self.folder / INDEX

    @property
    def source(self) -> Path:
        """The file to name in a message about all tensors."""
        return self.index or self.files[0]

    def layers(self, facts: Architecture) -> int:
        """Number of layers with at least one tensor, up to the deepest."""
        at = re.compile(rf"{re.escape(facts.layers)}\.(\d+)\.")
        return 1 + max((int(found[1]) for name in self.tensors if (found := at.match(name))), default=-1)


def read_weights(folder: Path, facts: Architecture) -> Weights:
    """Read the index and the headers; raises UserError with all problems of the files."""
    problems = Problems()
    weights = find_weights(folder, facts, problems)
    problems.check()
    assert weights is not None  # otherwise there is a problem
    return weights


def find_weights(folder: Path, facts: Architecture, problems: Problems) -> Weights | None:
    """As `read_weights`, with the problems collected. None if it is unknown which tensors the files hold."""
    # not glob, which says nothing of a folder that can't be read
    names = sorted(path.name for path in folder.iterdir() if fnmatch(path.name, "*.safetensors*"))
    if ranks := [name for name in names if RANKS.fullmatch(name)]:
        problems.add(
            f"{folder / ranks[0]}: found a checkpoint of several processes, expected {SINGLE} or shards with an index; "
            "save the whole model with save_pretrained"
        )
        return None
    found = _Found(folder, facts, problems)
    if SINGLE in names:
        files = found.single()
    elif INDEX in names:
        files = found.sharded()
    else:
        problems.add(_absent(folder, names))
        return None
    if files is None:
        return None
    return Weights(folder, files, found.tensors, _unread(folder, files, names))


@dataclass
class _Found:
    """Tensors collected from headers, and problems."""

    folder: Path
    facts: Architecture
    problems: Problems
    tensors: dict[str, Entry] = field(default_factory=dict)

    def single(self) -> tuple[Path, ...] | None:
        entries = self._header(self.folder / SINGLE, "a safetensors file")
        return None if entries is None else (self.folder / SINGLE,)

    def sharded(self) -> tuple[Path, ...] | None:
        """The shards of the index, each of which must hold just the tensors that it is said to hold."""
        index = self.folder / INDEX
        with self.problems.collect():
            places = read_index(index)
            files = tuple(self.folder / name for name in sorted(set(places.values())))
            headers = [self._header(path, f"the shard that {INDEX} names") for path in files]
            for path, header in zip(files, headers, strict=True):
                if header is not None:
                    self._compare(index, path, places, header)
            return None if None in headers else files
        return None

    def _header(self, path: Path, what: str) -> dict[str, Entry] | None:
        with self.problems.collect():
            header = read_header(path, what)
            for entry in header.values():
                self._keep(entry)
            return header
        return None

    def _keep(self, entry: Entry) -> None:
        name = own_name(self.facts, entry.name)
        if other := self.tensors.get(name):
            same = other.path.name if other.path != entry.path else other.name
            self.problems.add(
                f"{entry.path}: {entry.name}: found this tensor also in {same}, expected it once"
            )
        self.tensors[name] = entry

    def _compare(
        self, index: Path, path: Path, places: Mapping[str, str], header: Mapping[str, Entry]
    ) -> None:
        wanted = {name for name, file in places.items() if file == path.name}
        if absent := wanted - header.keys():
            self.problems.add(
                f"{path}: found no {listed(absent)}, which {index.name} says are there; expected the shards that the "
                "index was written with"
            )
        if more := header.keys() - wanted:
            self.problems.add(
                f"{path}: found {listed(more)}, which {index.name} does not say are there; expected the shards that "
                "the index was written with"
            )


def read_index(path: Path) -> dict[str, str]:
    """Tensor -> name of the shard that holds it. Raises UserError if the file is no index of its folder."""
    index = read_object(path, "an index of shards")
    places = index.get("weight_map")
    if not isinstance(places, dict) or not places:
        raise UserError(f"{path}: weight_map: found {shown(places)}, expected the shard of each tensor")
    wrong = [name for name, file in places.items() if not _is_shard(file)]
    if wrong:
        raise UserError(
            f"{path}: weight_map: {wrong[0]}: found {shown(places[wrong[0]])}, expected the name of a file in the "
            "same folder, such as model-00001-of-00002.safetensors"
        )
    if not isinstance(index.get("metadata"), dict):
        raise UserError(
            f"{path}: metadata: found {shown(index.get('metadata'))}, expected an object (may be empty)"
        )
    return places


def _is_shard(file: Any) -> bool:
    """Whether it is a name of a file, and one that a study links; a file of another format is never read."""
    plain = isinstance(file, str) and Path(file).name == file
    return plain and fnmatch(file, "*.safetensors") and not fnmatch(file, "consolidated*")


def read_object(path: Path, what: str) -> dict[str, Any]:
    """The object in a JSON file; raises UserError if it is absent, unreadable or anything else."""
    read_start(path, what)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: {unreadable(path, error)}, expected {what}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not valid JSON ({error}), expected {what}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: found a JSON {_kind(content)}, expected an object: {what}")
    return content


def _kind(value: Any) -> str:
    kinds = {list: "list", str: "string", bool: "truth value", int: "number", float: "number"}
    return kinds.get(type(value), "null")


def shown(value: Any) -> str:
    """A value as in JSON, shortened to fit in a line."""
    text = "nothing" if value is None else json.dumps(value)
    return text if len(text) < 60 else f"{text[:57]}..."


def _absent(folder: Path, names: list[str]) -> str:
    if names:
        return (
            f"{folder}: found neither {SINGLE} nor {INDEX}, only {listed(names)}; expected one of them: rename "
            f"a single file to {SINGLE}, or add the index of the shards"
        )
    pickles = [path.name for pattern in ("*.bin", "*.pt", "*.pth") for path in folder.glob(pattern)]
    instead = f", only {listed(pickles)} (pickle files are never read)" if pickles else ""
    return (
        f"{folder}: found no *.safetensors{instead}; expected the weights in that format, as save_pretrained "
        "writes them"
    )


def _unread(folder: Path, files: tuple[Path, ...], names: list[str]) -> tuple[str, ...]:
    """Names of files that transformers does not read, and that a person might expect it to read."""
    used = {path.name for path in files} | ({INDEX} if files != (folder / SINGLE,) else set())
    rest = [name for name in names if name not in used and not _same(folder / name)]
    return tuple(name for name in rest if not any(Path(name).match(pattern) for pattern in OTHERS))


def _same(path: Path) -> bool:
    """Whether a file is an index that leads to the single file anyway, as some tools write it."""
    with contextlib.suppress(UserError):
        return path.name == INDEX and set(read_index(path).values()) == {SINGLE}
    return False
