"""The model that an exported adapter belongs to: its name for other software, and its licence."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from semalign.runtime.files import read_json
from semalign.runtime.provenance import RECORD, portable

UNKNOWN = "unknown"
README = "README.md"
TERMS = ("license_name", "license_link")
CONFIG = "config.json"


@dataclass(frozen=True)
class Base:
    """A base model as an adapter's files name it.

    `name` is a repository of the hub with its `revision`, or a folder as the config names it. `source` is `hub`,
    `folder`, or how the study made the model. `terms` are `license_name` and `license_link` of a licence `other`.
    """

    name: str
    source: str
    revision: str | None = None
    licence: str = UNKNOWN
    terms: Mapping[str, str] = field(default_factory=dict)

    @property
    def on_hub(self) -> bool:
        """Whether the name is that of a repository."""
        return self.source == "hub"


def base_of(folder: Path, name: str | None = None, licence: str | None = None) -> Base:
    """The base model in a study's folder; `name` and `licence` replace what its record says."""
    record = read_json(folder / RECORD)
    origin, settings = record.get("origin") or {}, record.get("settings") or {}
    source = str(origin.get("source", "folder"))
    known = (licence, {}) if licence else _licence(folder, settings)
    if name:
        return Base(name, "hub", None, *known)
    if source == "hub":
        commit = str(origin.get("commit") or origin["revision"])
        return Base(str(origin["repository"]), source, commit, *known)
    if source == "folder":
        return Base(str(settings.get("path") or portable(folder)), source, None, *known)
    return Base(portable(folder), source, None, *known)


def _licence(folder: Path, settings: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """The licence that the model's own card or config names, if it is in its folder or the hub's cache; its terms."""
    for path in _cards(folder, settings):
        if named := _field(path, "license"):
            terms = {key: value for key in TERMS if (value := _field(path, key))}
            return named, terms
    config = read_json(folder / CONFIG) if (folder / CONFIG).is_file() else {}
    return str(config.get("license") or UNKNOWN), {}


def _cards(folder: Path, settings: dict[str, Any]) -> list[Path]:
    """Where the model's card may be: with its weights, which the study only links."""
    own = Path(settings.get("path") or folder).expanduser()
    linked = [(folder / CONFIG).resolve().parent] if (folder / CONFIG).exists() else []
    return [path / README for path in (own, *linked) if (path / README).is_file()]


def _field(path: Path, name: str) -> str | None:
    """A field of a card's metadata; None if the card has none that can be read."""
    import yaml

    parts = path.read_text(encoding="utf-8", errors="replace").split("---\n", 2)
    if len(parts) < 3 or parts[0].strip():
        return None
    try:
        data = yaml.safe_load(parts[1])
    except yaml.YAMLError:
        return None
    value = data.get(name) if isinstance(data, dict) else None
    return str(value) if isinstance(value, str) else None
