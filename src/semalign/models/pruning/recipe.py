"""The whole recipe: from a teacher and documents to a plain model folder.

Layers are cut first, then feed-forward channels, then the width, each with statistics of the model that the previous
cut left; then distillation from the teacher heals the model. An interrupted run resumes from the cut model and from the
last checkpoint of healing.
"""

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from semalign.benchmarks.document_files import read_documents
from semalign.benchmarks.encoding import Batch, Encoded, collate
from semalign.config.pruning import PrunedModel
from semalign.models.anatomy import layers_of
from semalign.models.loading import load_model, load_tokenizer, read_config
from semalign.models.pruning.depth import block_influence, keep_layers, most_influential
from semalign.models.pruning.documents import draw_batches, encode_documents, in_turn
from semalign.models.pruning.feed_forward import keep_channels
from semalign.models.pruning.healing import Cut, Documents, heal
from semalign.models.pruning.rebuilding import check_sizes
from semalign.models.pruning.width import narrow
from semalign.models.registry import model_source
from semalign.runtime.files import read_json, replace_folder, write_json
from semalign.training.checkpoint import Checkpoint

logger = logging.getLogger("semalign")


@model_source("pruned", title="Pruned")
def prune(
    settings: PrunedModel,
    teacher: Path,
    files: Sequence[Path],
    folder: Path,
    checkpoint: Path,
    identity: str,
) -> dict[str, Any]:
    """Call `build_pruned` on the documents in `files`; returns the record of the model's origin."""
    sources = [read_documents(file) for file in files]
    facts = build_pruned(settings, teacher, sources, folder, checkpoint, identity)
    return {"source": "pruned", "teacher": settings.teacher, **facts}


def build_pruned(
    settings: PrunedModel,
    teacher: Path,
    sources: Sequence[Sequence[str]],
    folder: Path,
    checkpoint: Path,
    identity: str,
) -> dict[str, Any]:
    """Write `folder` (config, weights, tokenizer); returns facts about the pruning for the record.

    `sources` are the documents of each file, which take turns. `identity` identifies all inputs: a checkpoint with
    another identity is ignored. The caller removes `checkpoint`. Raises UserError if the teacher can't
    be pruned to these sizes or the documents hold no text.
    """
    check_sizes(read_config(teacher), settings)
    tokenizer = load_tokenizer(teacher)
    encoded = encode_documents(in_turn(sources, settings.seed), tokenizer, settings.positions)
    pad_id = tokenizer.pad_token_id or 0
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = load_model(teacher, device)
    pruned = _cut_or_resume(settings, model, encoded, pad_id, checkpoint / "pruned", identity)
    history: list[dict[str, float]] = []
    if settings.healing:
        documents = Documents(encoded, pad_id, settings.seed)
        healing = Checkpoint(checkpoint / "healing", settings.healing.checkpoint_every, identity)
        history = heal(pruned, model, documents, settings.healing, f"heal {folder.name}", healing)
    with replace_folder(folder) as temporary:
        pruned.model.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
    return _facts(pruned, encoded, history)


def cut(settings: PrunedModel, model: Any, batches: Sequence[Batch]) -> Cut:
    """Prune a loaded model to the settings' sizes; a size that is not set, or equals the model's, is not changed."""
    config = model.config
    influence: list[float] = []
    directions: torch.Tensor | None = None
    kept = list(range(len(layers_of(model))))
    if (settings.layers or len(kept)) < len(kept):
        assert settings.layers
        influence = block_influence(model, batches)
        kept = most_influential(influence, settings.layers)
        model = keep_layers(model, kept)
        logger.info("pruning: kept layers %s", ", ".join(str(layer + 1) for layer in kept))
    if (settings.feed_forward or config.intermediate_size) < config.intermediate_size:
        assert settings.feed_forward
        model = keep_channels(model, batches, settings.feed_forward)
        logger.info("pruning: kept %d feed-forward channels per layer", settings.feed_forward)
    if (settings.width or config.hidden_size) < config.hidden_size:
        assert settings.width
        model, directions = narrow(model, batches, settings.width)
        logger.info("pruning: kept %d directions of the residual stream", settings.width)
    return Cut(model, kept, influence, directions)


def calibration(settings: PrunedModel, encoded: Sequence[Encoded], pad_id: int, device: Any) -> list[Batch]:
    """The batches that the cuts are computed on: `calibration_tokens` tokens, or all documents once if fewer."""
    lengths = [len(document.input_ids) for document in encoded]
    tokens = min(settings.calibration_tokens, sum(lengths))
    batches = draw_batches(lengths, tokens, max(lengths, default=0) * 4, settings.seed)
    return [collate([encoded[at] for at in batch], pad_id).to(device) for batch in batches]


def _cut_or_resume(
    settings: PrunedModel, model: Any, encoded: Sequence[Encoded], pad_id: int, folder: Path, identity: str
) -> Cut:
    """Prune the model, or load it from `folder` if an interrupted run of the same identity has stored it."""
    facts = folder / "pruning.json"
    if facts.is_file() and read_json(facts)["identity"] == identity:
        stored = read_json(facts)
        tensors = load_file(folder / "directions" / "directions.safetensors") if stored["narrow"] else {}
        logger.info("pruning: resumed from %s", folder.name)
        loaded = load_model(folder, model.device)
        return Cut(loaded, stored["kept"], stored["influence"], tensors.get("directions"))
    pruned = cut(settings, model, calibration(settings, encoded, pad_id, model.device))
    shutil.rmtree(folder, ignore_errors=True)
    if settings.healing:
        with replace_folder(folder) as temporary:
            _store(pruned, temporary, identity)
    return pruned


def _store(pruned: Cut, folder: Path, identity: str) -> None:
    pruned.model.save_pretrained(folder)
    if pruned.directions is not None:
        (folder / "directions").mkdir()  # in a separate folder, or they would be read as weights
        save_file(
            {"directions": pruned.directions.contiguous()}, folder / "directions" / "directions.safetensors"
        )
    facts = {"kept": pruned.kept, "influence": pruned.influence, "narrow": pruned.directions is not None}
    write_json(folder / "pruning.json", {"identity": identity, **facts})


def _facts(pruned: Cut, encoded: Sequence[Encoded], history: list[dict[str, float]]) -> dict[str, Any]:
    """Facts about the pruning for the model's record; layers count from 1, as everywhere."""
    return {
        "layers": [layer + 1 for layer in pruned.kept],
        "influence": [round(value, 6) for value in pruned.influence],
        "documents": len(encoded),
        "parameters": sum(parameter.numel() for parameter in pruned.model.parameters()),
        "healing": history,
    }
