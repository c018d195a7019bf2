"""Reading a study's tables for figures and notebooks."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from semalign.runtime.errors import UserError

KEYS = ("pair", "benchmark", "method", "variant")
COLUMNS: dict[str, tuple[str, ...]] = {
    "main": (
        *KEYS,
        *("seeds", "items", "score", "score_low", "score_high"),
        *("vs_student", "vs_student_p", "vs_best_baseline", "vs_best_baseline_p"),
        *("gap_closed", "gap_closed_low", "gap_closed_high", "teacher_kl", "teacher_agreement"),
        *("train_seconds", "peak_memory_mb", "trainable_parameters", "paper"),
    ),
    "decomposition": (
        *("model", "bases", "folded", "interface", "layer", "depth"),
        *("cosine", "cosine_low", "cosine_high", "shuffled", "isotropic", "tokens", "prompts"),
    ),
    "costs": (
        *(*KEYS, "seeds", "learning_rate", "trainable_parameters", "train_seconds", "train_seconds_low"),
        *("train_seconds_high", "search_seconds", "signal_seconds", "peak_memory_mb", "signal_memory_mb"),
        *("signal_mb", "teacher_passes"),
    ),
    "search": (
        *("pair", "benchmark", "method", "learning_rate", "items", "score", "score_low", "score_high"),
        *("chosen", "at_edge"),
    ),
    "contrasts": (
        *("pair", "benchmark", "method", "other", "seeds", "items", "difference", "difference_low"),
        *("difference_high", "p", "p_holm", "test"),
    ),
    "head": ("model", "bases", "folded", "top1_agreement", "top1_low", "top1_high", "cosine"),
    "similarity": (
        *("comparison", "method", "benchmark", "pair"),
        *("left_layer", "right_layer", "cka", "cka_debiased"),
    ),
    "crossing": ("pair", "map", "folded", "top1_agreement", "top1_low", "top1_high", "positions"),
    "geometry": (*KEYS, "seed", "layer", "cosine", "cosine_centred", "cka"),
    "agreement": (
        *(*KEYS, "seeds", "items", "teacher_kl", "teacher_kl_low", "teacher_kl_high"),
        *("kl_vs_student", "kl_vs_student_low", "kl_vs_student_high"),
        *("teacher_agreement", "teacher_agreement_low", "teacher_agreement_high"),
        *("agreement_vs_student", "agreement_vs_student_low", "agreement_vs_student_high"),
    ),
    "curves": (*KEYS, "seed", "step", "term", "loss"),
    "attribution": (
        *("pair", "benchmark", "name", "layer"),
        *("share", "share_low", "share_high", "examples", "critical"),
    ),
    "pairing": (
        *("pair", "benchmark", "name", "student_layer", "teacher_layer", "critical", "below", "above"),
        *("weight", "teacher_layers", "student_layers"),
    ),
}
COLUMNS |= {
    "parts": (
        *(
            "pair",
            "benchmark",
            "part",
            "method",
            "variant",
            "seeds",
            "items",
            "score",
            "score_low",
            "score_high",
        ),
        *("vs_student", "vs_student_low", "vs_student_high"),
    ),
    "seeds": (*KEYS, "seed", "items", "score", "teacher_kl", "teacher_agreement"),
    "comparisons": (
        *("table", *KEYS, "against", "baseline", "difference", "difference_low", "difference_high"),
        *("p", "p_holm", "test"),
    ),
}
COLUMNS["bits"] = (
    *(*KEYS, "seeds", "items", "bits", "bits_low", "bits_high"),
    *("vs_student", "vs_student_low", "vs_student_high"),
)
COLUMNS["benchmarks"] = (
    *("model", "benchmark", "protocol", "items", "metric", "score", "score_low", "score_high", "empty"),
    *("published", "published_source", "items_per_second", "tokens_per_second", "isolation"),
)
COLUMNS["ablations"] = (*COLUMNS["main"], "axis", "value")

# Names, even where they look like numbers ("value" of an ablation) or like nothing ("none").
TEXT = (
    *(*KEYS, "other", "axis", "value", "model", "bases", "interface", "comparison", "name", "map", "term"),
    *("part", "table", "against", "baseline", "test", "protocol", "metric", "published_source", "isolation"),
)
YES_NO = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def read_table(folder: Path | str, name: str) -> pd.DataFrame:
    """One table, `<folder>/<name>.csv`; an empty cell is undefined (NaN), and "none" stays a word.

    Raises UserError where the file or one of its columns is missing.
    """
    path = locate(folder) / f"{name}.csv"
    if not path.is_file():
        raise UserError(f"{path}: no such table, expected one that the study has written")
    try:
        frame = pd.read_csv(path, dtype=dict.fromkeys(TEXT, str), keep_default_na=False, na_values=[""])
    except (ValueError, pd.errors.ParserError) as error:
        raise UserError(
            f"{path}: not a table of comma-separated values ({' '.join(str(error).split())})"
        ) from None
    missing = [column for column in COLUMNS.get(name, ()) if column not in frame]
    if missing:
        raise UserError(f"{path}: column {missing[0]!r} is missing, found {', '.join(frame.columns)}")
    if "folded" in frame:
        frame["folded"] = frame["folded"].astype(str).str.lower().map(YES_NO).astype(bool)
    return frame


def read_tables(
    folder: Path | str, names: Iterable[str], optional: Iterable[str] = ()
) -> dict[str, pd.DataFrame]:
    """The named tables; those in `optional` come along where they exist."""
    tables = {name: read_table(folder, name) for name in names}
    here = locate(folder)
    return tables | {name: read_table(folder, name) for name in optional if (here / f"{name}.csv").is_file()}


def locate(path: Path | str) -> Path:
    """`path` as it is, or, where only the repository root has it, below the root.

    Notebooks name paths relative to the repository root, but an editor starts them in their own folder.
    """
    path = Path(path)
    if path.is_absolute() or path.exists():
        return path
    for parent in Path.cwd().parents:
        if (parent / "pyproject.toml").is_file():
            return parent / path
    return path
