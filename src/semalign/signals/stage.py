"""The stages of the flow as functions from folders to a folder, each sealed with its provenance.

Scripts call these; the science is in the modules that they import.
"""

import logging
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file

from semalign.benchmarks.base import read_split
from semalign.benchmarks.encoding import collate, encode
from semalign.config.signals import Activations, Alignment, Attribution, Pairing
from semalign.models.loading import load_model, load_tokenizer, read_head, read_shape
from semalign.models.states import offsets_of, read_states
from semalign.models.vocabulary import common_tokens
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json, replace_folder, write_json
from semalign.runtime.provenance import RECORD, Run
from semalign.signals.alignment import interpolate, make_targets, shuffle
from semalign.signals.anchors import read_anchors
from semalign.signals.attribution import random_scores, rank_layers, score_layers
from semalign.signals.likeness import measure_likeness
from semalign.signals.pairing import choose_pairs, critical_layers, from_rows, to_rows
from semalign.signals.semantics.registry import FITTED_MAPS, check_top
from semalign.signals.semantics.registry import module_of as module_of_map

logger = logging.getLogger("semalign")


def attribute_layers(teacher: Path, benchmark: Path, settings: Path, out: Path) -> None:
    """Score every teacher layer on the extract split."""
    run = Run("attribution", settings)
    chosen = Attribution(**run.settings)
    run.read("teacher", teacher), run.read("benchmark", benchmark)
    split = read_split(benchmark, "extract")
    if chosen.examples is not None and chosen.examples > len(split):
        raise UserError(
            f"attribution.examples: found {chosen.examples}, expected at most the {len(split)} examples of the "
            f"extract split of {benchmark.name}"
        )
    examples = split[: chosen.examples]
    passes = 0
    if chosen.score == "random":
        scores = random_scores(len(examples), read_shape(teacher).layers, chosen.seed)
    else:
        tokenizer = load_tokenizer(teacher)
        batches = [collate([encode(example, tokenizer)], 0) for example in examples]
        scores = score_layers(load_model(teacher), batches, chosen)
        passes = len(examples)
    ranking = rank_layers(scores)
    with replace_folder(out) as folder:
        found = {"ranking": ranking, "scores": scores, "teacher_passes": passes}
        write_json(folder / "attribution.json", found)
        run.seal(folder)
    logger.info("attribution: layers by weight, most critical first: %s", ranking)


def pair_layers(
    teacher: Path, student: Path, benchmark: Path, attribution: Path, settings: Path, out: Path
) -> None:
    """Pair the most critical teacher layers with student layers.

    Weights and examples are read for the rule `cka` alone; pairing.json then has the numbers it chose by.
    """
    run = Run("pairing", settings)
    chosen = Pairing(**run.settings)
    scored = read_json(run.read("attribution", attribution) / "attribution.json")
    passes: int = scored["teacher_passes"]
    likeness: list[list[float]] = []
    measured: dict[str, Any] = {}
    if chosen.rule == "cka":
        for name, path in {"teacher": teacher, "student": student, "benchmark": benchmark}.items():
            run.read(name, path)
        examples = read_split(benchmark, "extract")
        critical = critical_layers(scored["ranking"], chosen)
        likeness = measure_likeness(teacher, student, examples, critical)
        passes += len(examples)
        rows = zip(critical, likeness, strict=True)
        measured = {"cka": [{"teacher": layer, "students": row} for layer, row in rows]}
    depths = read_shape(teacher).layers, read_shape(student).layers
    pairs = choose_pairs(scored["ranking"], *depths, chosen, likeness)
    with replace_folder(out) as folder:
        write_json(folder / "pairing.json", {"pairs": to_rows(pairs), "teacher_passes": passes, **measured})
        run.seal(folder)
    logger.info(
        "pairing: student %s", ", ".join(f"layer {p.student} <- teacher {p.below}..{p.above}" for p in pairs)
    )


def extract_activations(teacher: Path, benchmark: Path, pairing: Path, settings: Path, out: Path) -> None:
    """Store the teacher's states of the paired layers on the train split."""
    run = Run("activations", settings)
    chosen = Activations(**run.settings)
    run.read("teacher", teacher), run.read("benchmark", benchmark)
    paired = read_json(run.read("pairing", pairing) / "pairing.json")
    layers = sorted({layer for p in from_rows(paired["pairs"]) for layer in (p.below, p.above)})
    tokenizer = load_tokenizer(teacher)
    encoded = [encode(example, tokenizer) for example in read_split(benchmark, "train")]
    model = load_model(teacher)
    states = read_states(
        model, encoded, layers, chosen.interface, chosen.batch_size, tokenizer.pad_token_id or 0
    )
    tensors = {f"layer.{layer}": tensor for layer, tensor in states.items()}
    passes = paired["teacher_passes"] + len(encoded)
    with replace_folder(out) as folder:
        save_file({**tensors, "offsets": offsets_of(encoded)}, folder / "activations.safetensors")
        write_json(folder / "activations.json", {"interface": chosen.interface, "teacher_passes": passes})
        run.seal(folder)


def align_states(
    teacher: Path,
    student: Path,
    benchmark: Path,
    pairing: Path,
    activations: Path,
    settings: Path,
    out: Path,
) -> None:
    """Map the stored teacher states into the student's space: the targets of steering.

    Only a map that is fitted to data runs both models, on the align split. `map.safetensors` holds the map, or
    one a layer where it is fitted; it is left out where no matrix does what was done (`top`).
    """
    run = Run("alignment", settings)
    chosen = Alignment(**run.settings)
    check_top(chosen.map, chosen.top)
    run.modules.append(module_of_map(chosen.map))
    run.read("teacher", teacher), run.read("student", student), run.read("benchmark", benchmark)
    pairs = from_rows(read_json(run.read("pairing", pairing) / "pairing.json")["pairs"])
    source = read_json(run.read("activations", activations) / "activations.json")
    states = load_file(activations / "activations.safetensors")
    heads = read_head(teacher), read_head(student)
    shared = common_tokens(teacher, student, chosen.minimum_shared)
    anchors = None
    if chosen.map in FITTED_MAPS:
        batch_size = read_json(activations / RECORD)["settings"]["batch_size"]
        anchors, passes = read_anchors(teacher, student, benchmark, pairs, source["interface"], batch_size)
        source["teacher_passes"] += passes
    layers = {
        int(name.removeprefix("layer.")): tensor for name, tensor in states.items() if name != "offsets"
    }
    hidden = {p.student: interpolate(layers, p.below, p.above, p.weight) for p in pairs}
    targets, maps = make_targets(hidden, heads, shared, chosen, anchors)
    if chosen.shuffled:
        targets = shuffle(targets, chosen.seed)
    tensors = {f"layer.{layer}": rows for layer, rows in targets.items()}
    with replace_folder(out) as folder:
        save_file({**tensors, "offsets": states["offsets"]}, folder / "targets.safetensors")
        if maps:
            save_file({key: matrix.contiguous() for key, matrix in maps.items()}, folder / "map.safetensors")
        write_json(
            folder / "alignment.json", {**source, "pairs": to_rows(pairs), "shared_tokens": len(shared[0])}
        )
        run.seal(folder)
