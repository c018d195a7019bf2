"""The folders of an export: the adapter, the merged model and the GGUF file, each with tokenizer and card."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semalign.benchmarks.base import read_split
from semalign.export.adapter import write_adapter
from semalign.export.base_model import Base
from semalign.export.card import write_card
from semalign.export.cells import Exported
from semalign.export.tokenizer import write_tokenizer
from semalign.runtime.command import grouped
from semalign.runtime.files import replace_folder, write_json

FACTS = "export.json"
EXAMPLES = 20  # texts that the exported tokenizer must cut as the study did
EXACT = "float32"  # precision of what is merged without being asked for


@grouped
@dataclass(frozen=True)
class Naming:
    """What the exported files say of the base model and of the study.

    Attributes:
        base: Name of the base model, such as owner/name on the hub. Default: as the study's config has it.
        licence: Licence of the export. Default: that of the base model, if its card or config names one.
        config: Names of the study's config files.
    """

    base: str | None = None
    licence: str | None = None
    config: Sequence[str] = ()


def write_adapter_folder(
    exported: Exported, base: Base, naming: Naming, folder: Path, facts: Mapping[str, Any]
) -> Path:
    """Write an adapter in PEFT's format with its tokenizer, card and `facts`."""
    with replace_folder(folder) as made:
        write_adapter(exported.transfer, made, base)
        _write_tokenizer(exported, made)
        write_card(exported, base, made, {"kind": "adapter"}, naming.config)
        write_json(made / FACTS, dict(facts))
    return folder


def write_forms(
    exported: Exported,
    base: Base,
    naming: Naming,
    folder: Path,
    facts: Mapping[str, Any],
    wanted: Mapping[str, Any],
) -> list[Path]:
    """Write the merged model and the GGUF file that are wanted, next to `folder`; return their folders.

    What can't be exported as an adapter is merged in any case, into `folder` itself.
    """
    written = []
    alone = exported.kind != "adapter"
    if alone or wanted["merged"]:
        target = folder if alone else folder.with_name(f"{folder.name}-merged")
        form = {"kind": "merged", "dtype": wanted["merged"] or EXACT}
        written.append(_write_merged(exported, base, naming, target, facts, form))
    if wanted["gguf"]:
        target = folder.with_name(f"{folder.name}-gguf")
        form = {"kind": "gguf", "dtype": wanted["gguf"]}
        written.append(_write_gguf(exported, base, naming, target, facts, form))
    return written


def _write_merged(
    exported: Exported, base: Base, naming: Naming, folder: Path, facts: Any, form: dict[str, Any]
) -> Path:
    from semalign.export.merged import load_merged, score_again, write_merged

    with replace_folder(folder) as made:
        write_merged(load_merged(exported), made, form["dtype"])
        _write_tokenizer(exported, made)
        form["rescored"] = score_again(exported, made, form["dtype"])
        write_card(exported, base, made, form, naming.config)
        write_json(made / FACTS, dict(facts))
    return folder


def _write_gguf(
    exported: Exported, base: Base, naming: Naming, folder: Path, facts: Any, form: dict[str, Any]
) -> Path:
    from semalign.export.gguf_file import write_gguf
    from semalign.export.merged import load_merged, score_gguf
    from semalign.models.loading import load_tokenizer

    cell = exported.cell
    form["file"] = f"{cell.pair}-{cell.method}-{form['dtype']}.gguf"
    with replace_folder(folder) as made:
        tokenizer = load_tokenizer(exported.model("student"))
        write_gguf(
            load_merged(exported), tokenizer, made / form["file"], form["dtype"], f"{cell.pair}-{cell.method}"
        )
        form["rescored"] = score_gguf(
            exported, made / form["file"], lambda scratch: _write_tokenizer(exported, scratch)
        )
        write_card(exported, base, made, form, naming.config)
        write_json(made / FACTS, dict(facts))
    return folder


def _write_tokenizer(exported: Exported, folder: Path) -> None:
    texts = [item.prompt + item.answer for item in read_split(exported.benchmark, "validation")[:EXAMPLES]]
    write_tokenizer(exported.model("student"), folder, texts)
