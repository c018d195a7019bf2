"""SemAlign's signal stages: attribution, pairing, activations, alignment. Each reads folders and writes one folder."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from semalign.benchmarks.base import Example, read_split
from semalign.benchmarks.encoding import collate, encode
from semalign.config.signals import Activations, Alignment, Attribution, Pairing
from semalign.models.loading import Head, load_model, load_tokenizer, read_shape
from semalign.models.states import encode_split, offsets_of, read_states
from semalign.models.trained_head import describe_rows, read_trained_head
from semalign.models.vocabulary import common_tokens
from semalign.runtime.counting import counted
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json, replace_folder, write_json
from semalign.runtime.provenance import RECORD, Run
from semalign.signals.alignment import counterparts, make_targets, shuffle
from semalign.signals.anchors import read_anchors
from semalign.signals.attribution import random_scores, rank_layers, score_layers
from semalign.signals.likeness import measure_likeness
from semalign.signals.pairing import LayerPair, choose_pairs, critical_layers, from_rows, to_rows
from semalign.signals.semantics.maps import trained_tokens
from semalign.signals.semantics.registry import FITTED_MAPS, check_top
from semalign.signals.semantics.registry import module_of as module_of_map

logger = logging.getLogger("semalign")


@counted
def attribute_layers(teacher: Path, benchmark: Path, settings: Path, out: Path) -> None:
    """Score every teacher layer on a benchmark's extract split.

    Args:
        teacher: Model folder.
        benchmark: Folder of the splits.
        settings: Section `attribution` of the config, as JSON.
        out: Folder of the result.
    """
    run = Run("attribution", settings)
    attribution = Attribution(**run.settings)
    run.read_all(teacher=teacher, benchmark=benchmark)
    examples = _first_examples(benchmark, attribution.examples)
    if attribution.score == "random":
        scores = random_scores(len(examples), read_shape(teacher).layers, attribution.seed)
        passes = 0
    else:
        tokenizer = load_tokenizer(teacher)
        batches = [collate([encode(example, tokenizer)], 0) for example in examples]
        scores = score_layers(load_model(teacher), batches, attribution)
        passes = len(examples)
    ranking = rank_layers(scores)
    with replace_folder(out) as folder:
        result = {"ranking": ranking, "scores": scores, "teacher_passes": passes}
        write_json(folder / "attribution.json", result)
        run.seal(folder)
    logger.info("attribution: layers by weight, most critical first: %s", ranking)


@counted
def pair_layers(
    teacher: Path, student: Path, benchmark: Path, attribution: Path, settings: Path, out: Path
) -> None:
    """Pair the most critical teacher layers with student layers.

    Only the rule `cka` reads weights and examples; pairing.json then also holds the CKA values.

    Args:
        teacher: Model folder.
        student: Model folder.
        benchmark: Folder of the splits.
        attribution: Folder of the attribution.
        settings: Section `pairing` of the config, as JSON.
        out: Folder of the result.
    """
    run = Run("pairing", settings)
    pairing = Pairing(**run.settings)
    scored = read_json(run.read("attribution", attribution) / "attribution.json")
    passes: int = scored["teacher_passes"]
    likeness: list[list[float]] = []
    measured: dict[str, Any] = {}
    if pairing.rule == "cka":
        run.read_all(teacher=teacher, student=student, benchmark=benchmark)
        examples = read_split(benchmark, "extract")
        critical = critical_layers(scored["ranking"], pairing)
        likeness = measure_likeness(teacher, student, examples, critical)
        passes += len(examples)
        rows = zip(critical, likeness, strict=True)
        measured = {"cka": [{"teacher": layer, "students": row} for layer, row in rows]}
    depths = read_shape(teacher).layers, read_shape(student).layers
    pairs = choose_pairs(scored["ranking"], *depths, pairing, likeness)
    with replace_folder(out) as folder:
        write_json(folder / "pairing.json", {"pairs": to_rows(pairs), "teacher_passes": passes, **measured})
        run.seal(folder)
    logger.info(
        "pairing: student %s", ", ".join(f"layer {p.student} <- teacher {p.below}..{p.above}" for p in pairs)
    )


@counted
def extract_activations(teacher: Path, benchmark: Path, pairing: Path, settings: Path, out: Path) -> None:
    """Store the teacher's states at the paired layers on a benchmark's train split.

    Args:
        teacher: Model folder.
        benchmark: Folder of the splits.
        pairing: Folder of the pairing.
        settings: Section `activations` of the config, as JSON.
        out: Folder of the result.
    """
    run = Run("activations", settings)
    reading = Activations(**run.settings)
    run.read_all(teacher=teacher, benchmark=benchmark)
    paired = read_json(run.read("pairing", pairing) / "pairing.json")
    layers = sorted({layer for pair in from_rows(paired["pairs"]) for layer in (pair.below, pair.above)})
    encoded, pad_id = encode_split(teacher, benchmark, "train")
    states = read_states(load_model(teacher), encoded, layers, reading.interface, reading.batch_size, pad_id)
    tensors = {f"layer.{layer}": tensor for layer, tensor in states.items()}
    passes = paired["teacher_passes"] + len(encoded)
    with replace_folder(out) as folder:
        save_file({**tensors, "offsets": offsets_of(encoded)}, folder / "activations.safetensors")
        write_json(folder / "activations.json", {"interface": reading.interface, "teacher_passes": passes})
        run.seal(folder)


@counted
def align_states(
    teacher: Path,
    student: Path,
    benchmark: Path,
    pairing: Path,
    activations: Path,
    settings: Path,
    out: Path,
) -> None:
    """Map the teacher's stored states into the student's space, which gives the targets of steering.

    Only a fitted map runs the two models, on the align split. `map.safetensors` holds the map, or one map per layer if
    it is fitted; it is not written if the map is not a matrix (`alignment.top`). `alignment.json` counts the rows of
    both vocabularies that are left out because they were never trained (null for a fitted map).

    Args:
        teacher: Model folder.
        student: Model folder.
        benchmark: Folder of the splits (a fitted map reads align).
        pairing: Folder of the pairing.
        activations: Folder of the stored states.
        settings: Section `alignment` of the config, as JSON.
        out: Folder of the result.
    """
    run = Run("alignment", settings)
    alignment = Alignment(**run.settings)
    check_top(alignment.map, alignment.top)
    run.modules.append(module_of_map(alignment.map))
    run.read_all(
        teacher=teacher, student=student, benchmark=benchmark, pairing=pairing, activations=activations
    )
    pairs = from_rows(read_json(pairing / "pairing.json")["pairs"])
    source = read_json(activations / "activations.json")
    heads, shared, rows = _shared_basis(teacher, student, alignment)
    anchors = None
    if alignment.map in FITTED_MAPS:
        batch_size = read_json(activations / RECORD)["settings"]["batch_size"]
        anchors, passes = read_anchors(teacher, student, benchmark, pairs, source["interface"], batch_size)
        source["teacher_passes"] += passes
    hidden, offsets = _paired_states(activations, pairs)
    targets, maps = make_targets(hidden, heads, shared, alignment, anchors)
    if alignment.shuffled:
        targets = shuffle(targets, alignment.seed)
    with replace_folder(out) as folder:
        _save_targets(folder, targets, offsets, maps)
        facts = {**source, "pairs": to_rows(pairs), "shared_tokens": len(shared[0]), "rows": rows}
        write_json(folder / "alignment.json", facts)
        run.seal(folder, {"rows": rows})


def _shared_basis(
    teacher: Path, student: Path, alignment: Alignment
) -> tuple[tuple[Head, Head], tuple[torch.Tensor, torch.Tensor], dict[str, Any] | None]:
    """The trained rows of both heads, their shared tokens, and counts of the rows by role.

    A fitted map does not read the heads, so it leaves no rows out and has no counts.
    """
    fitted = alignment.map in FITTED_MAPS
    untrained = "keep" if fitted else alignment.untrained_rows
    heads = read_trained_head(teacher, untrained), read_trained_head(student, untrained)
    shared = common_tokens(teacher, student, alignment.minimum_shared)
    shared = trained_tokens(alignment.map, *heads, shared)
    named = dict(zip(("teacher", "student"), heads, strict=True))
    return heads, shared, None if fitted else {role: describe_rows(head) for role, head in named.items()}


def _save_targets(
    folder: Path,
    targets: Mapping[int, torch.Tensor],
    offsets: torch.Tensor,
    maps: Mapping[str, torch.Tensor],
) -> None:
    """Write the targets of each student layer and the examples' offsets, and the maps if there are any."""
    tensors = {f"layer.{layer}": rows for layer, rows in targets.items()}
    save_file({**tensors, "offsets": offsets}, folder / "targets.safetensors")
    if maps:
        save_file({key: matrix.contiguous() for key, matrix in maps.items()}, folder / "map.safetensors")


def _paired_states(
    activations: Path, pairs: Sequence[LayerPair]
) -> tuple[dict[int, torch.Tensor], torch.Tensor]:
    """Interpolated teacher states [positions, teacher width] by student layer, and the examples' offsets."""
    states = load_file(activations / "activations.safetensors")
    offsets = states.pop("offsets")
    layers = {int(name.removeprefix("layer.")): tensor for name, tensor in states.items()}
    return counterparts(layers, pairs), offsets


def _first_examples(benchmark: Path, count: int | None) -> list[Example]:
    """The first `count` examples of the extract split, or all of them if `count` is None."""
    split = read_split(benchmark, "extract")
    if count is not None and count > len(split):
        raise UserError(
            f"attribution.examples: found {count}, expected at most the {len(split)} examples of the extract split "
            f"of {benchmark.name}"
        )
    return split[:count]
