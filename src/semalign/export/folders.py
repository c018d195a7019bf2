"""The folders of an export: the adapter, the merged model and the GGUF file, each with tokenizer and card."""

from collections.abc import Callable, Mapping, Sequence
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


@dataclass(frozen=True)
class Exporter:
    """Writes a cell's folders, `facts` into each of them; `seal` gives a model the record that scoring checks."""

    exported: Exported
    base: Base
    naming: Naming
    facts: Mapping[str, Any]
    seal: Callable[[Path], object]

    def write_adapter(self, folder: Path) -> Path:
        """Write an adapter in PEFT's format."""
        with replace_folder(folder) as made:
            write_adapter(self.exported.transfer, made, self.base)
            self._write_tokenizer(made)
            self._finish(made, {"kind": "adapter"})
        return folder

    def write_forms(self, folder: Path, merged: str | None, gguf: str | None) -> list[Path]:
        """Write the merged model and the GGUF file in the precisions that are wanted, next to `folder`.

        What can't be exported as an adapter is merged in any case, into `folder` itself. Returns the new folders.
        """
        written = []
        if self.exported.kind != "adapter":
            written.append(self._write_merged(folder, merged or EXACT))
        elif merged:
            written.append(self._write_merged(folder.with_name(f"{folder.name}-merged"), merged))
        if gguf:
            written.append(self._write_gguf(folder.with_name(f"{folder.name}-gguf"), gguf))
        return written

    def _write_merged(self, folder: Path, dtype: str) -> Path:
        from semalign.export.merged import load_merged, score_again, write_merged

        with replace_folder(folder) as made:
            write_merged(load_merged(self.exported), made, dtype)
            self._write_tokenizer(made)
            rescored = score_again(self.exported, made, dtype, self.seal)
            self._finish(made, {"kind": "merged", "dtype": dtype, "rescored": rescored})
        return folder

    def _write_gguf(self, folder: Path, precision: str) -> Path:
        from semalign.export.gguf_file import write_gguf
        from semalign.export.merged import load_merged, score_gguf
        from semalign.models.loading import load_tokenizer

        name = f"{self.exported.cell.pair}-{self.exported.cell.method}"
        file = f"{name}-{precision}.gguf"
        with replace_folder(folder) as made:
            tokenizer = load_tokenizer(self.exported.model("student"))
            write_gguf(load_merged(self.exported), tokenizer, made / file, precision, name)
            rescored = score_gguf(self.exported, made / file, self._write_tokenizer, self.seal)
            self._finish(made, {"kind": "gguf", "dtype": precision, "file": file, "rescored": rescored})
        return folder

    def _write_tokenizer(self, folder: Path) -> None:
        items = read_split(self.exported.benchmark, "validation")[:EXAMPLES]
        texts = [item.prompt + item.answer for item in items]
        write_tokenizer(self.exported.model("student"), folder, texts)

    def _finish(self, folder: Path, form: Mapping[str, Any]) -> None:
        """Write the card of a form, and which cell it is."""
        write_card(self.exported, self.base, folder, form, self.naming.config)
        write_json(folder / FACTS, dict(self.facts))
