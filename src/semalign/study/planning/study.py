"""Predicted cost of every job of a study, summed up in one row per rule: jobs, hours, disk space and peak memory."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from semalign.config.signals import stages_before
from semalign.study.definition import Study
from semalign.study.layout import Layout
from semalign.study.oracles import cells_behind
from semalign.study.planning import artifacts, memory, work
from semalign.study.planning.displacements import oracle_job, pullback_job, residual_job
from semalign.study.planning.jobs import NO_PEAK, Job, Row, Work
from semalign.study.planning.memory import Peak
from semalign.study.planning.shapes import ModelShape, shapes_of
from semalign.study.planning.texts import Texts, texts_of
from semalign.study.planning.trainings import training_job
from semalign.study.variants import resolve

# model source -> how the model is prepared, as printed in the table
MAKING = {
    "hub": "download",
    "folder": "link",
    "gguf-package": "unpack",
    "tiny": "pretrain, not predicted",
    "pruned": "cut and heal, not predicted",
}


class Plan:
    """All jobs of a study with their predicted cost on a device."""

    def __init__(self, study: Study, device: work.Device) -> None:
        self.study, self.device, self.layout = study, device, Layout(study)
        root = Path(self.layout.root)
        self.shapes = shapes_of(study.models, root / "models")
        self.texts = {name: self._texts(name, root / "benchmarks") for name in study.benchmarks}

    def rows(self) -> list[Row]:
        """Return one row per rule, in the order in which rules run."""
        by_rule: dict[str, list[Job]] = {}
        for job in self.jobs():
            by_rule.setdefault(job.rule, []).append(job)
        return [
            Row(
                rule,
                len(jobs),
                sum(job.seconds for job in jobs) / 3600,
                sum(job.disk for job in jobs),
                max((job.peak for job in jobs), key=lambda peak: peak.total),
            )
            for rule, jobs in by_rule.items()
        ]

    def jobs(self) -> Iterator[Job]:
        """Yield every job that runs a model or stores large files."""
        for name, entry in self.study.models.items():
            size = self.shapes[name].weight_bytes if entry.source != "folder" else 0
            yield Job(f"prepare_model ({MAKING[entry.source]})", 0, size, NO_PEAK)
        for folder in self.layout.answered_folders():
            yield self._answered(*folder.split("/")[-2:])
        yield from self._signals()
        seen = set()
        for cell in self.layout.cells:
            pair = self._work(cell.pair, cell.benchmark)
            if (cell.pair, cell.benchmark) not in seen:
                seen.add((cell.pair, cell.benchmark))
                yield self._reference(pair)
            if self.study.methods[cell.method].trained:
                yield self._transfer(cell.method, cell.variant, pair)
            kind = self.study.methods[cell.method].method
            yield self._scores(
                "score cells", pair.teacher if kind == "teacher" else pair.student, pair, "test"
            )
        yield from self._validated()
        for name, benchmark in dict.fromkeys(search[:2] for search in self.layout.searched()):
            pair = self._work(name, benchmark)
            yield self._scores("score trials", pair.student, pair, "validation")  # the untouched student
        # students that only oracles read: trained, but not scored
        for cell in cells_behind(self.layout.signal_folders("oracle"), self.layout.settings):
            yield self._transfer(cell.method, cell.variant, self._work(cell.pair, cell.benchmark))
        for name, benchmark, method, variant in self.layout.searched():
            pair = self._work(name, benchmark)
            for _ in self.layout.trial_folders(name, benchmark, method, variant):
                yield self._transfer(method, variant, pair)
                yield self._scores("score trials", pair.student, pair, "validation")

    def _validated(self) -> Iterator[Job]:
        """Yield the scores on the validation split that a ranking is made from, if the study has one."""
        for cell in self.layout.ranked() if self.study.export.ranking else ():
            pair = self._work(cell.pair, cell.benchmark)
            yield self._scores("score ranking", pair.student, pair, "validation")

    def widened(self) -> Iterator[Job]:
        """Yield the further jobs if every search goes on beyond one end of its grid as far as `search.widen` allows."""
        for name, benchmark, method, variant in self.layout.searched():
            pair = self._work(name, benchmark)
            for _ in range(self.study.search.widen):
                yield self._transfer(method, variant, pair)
                yield self._scores("score trials", pair.student, pair, "validation")

    def _texts(self, name: str, prepared: Path) -> Texts:
        """Return the texts of a benchmark; one that is made from others has theirs."""
        parts = [self._texts(part, prepared) for part in self.layout.made_from(name)]
        return texts_of(name, self.study.benchmarks[name], parts, prepared / name)

    def _work(self, pair: str, benchmark: str) -> Work:
        teacher, student = self.layout.models_of(pair)
        return Work(self.shapes[teacher], self.shapes[student], self.texts[benchmark])

    def stage_jobs(self) -> dict[str, Callable[[Work, Any], Job]]:
        """Return how each signal stage is planned, from the work and the stage's settings."""
        return {
            "attribution": self._attribution,
            "pairing": self._pairing,
            "activations": self._activations,
            "alignment": self._alignment,
            "logits": self._logits,
            "units": partial(self._states, "select_units"),
            "states": partial(self._states, "store_states"),
            "extraction": self._extraction,
            "location": self._location,
            "residual": partial(residual_job, device=self.device),
            "oracle": lambda pair, settings: oracle_job(pair, settings, self.device, self._pairs(pair)),
            "pullback": lambda pair, settings: pullback_job(pair, settings, self.device, self._pairs(pair)),
        }

    def _signals(self) -> Iterator[Job]:
        """Yield one job per signal folder; cells share these folders."""
        jobs_of = self.stage_jobs()
        seen = set()
        for cell in self.layout.cells:
            settings, signals = resolve(self.study, cell.method, cell.variant)
            needed = {stage for need in settings.needs for stage in (*stages_before(need), need)}
            for stage in (stage for stage in jobs_of if stage in needed):
                name = self.layout.stage_name(cell.method, cell.variant, stage)
                if (key := (cell.pair, cell.benchmark, stage, name)) not in seen:
                    seen.add(key)
                    self.signals = signals
                    yield jobs_of[stage](self._work(cell.pair, cell.benchmark), getattr(signals, stage))

    def _job(self, rule: str, seconds: float, disk: int, peak: Peak) -> Job:
        return Job(rule, self.device.start + seconds, disk, peak)

    def _pairs(self, pair: Work) -> int:
        """Return the number of layer pairs."""
        return _wanted(self.signals.pairing.pairs, pair.student.layers)

    def _attribution(self, pair: Work, settings: Any) -> Job:
        split = pair.texts.splits["extract"]
        share = min(1.0, (settings.examples or split.examples) / split.examples)
        seconds = work.attributed(pair.teacher, share * split.tokens, self.device)
        return self._job("attribute_layers", seconds, 0, memory.attribution(pair.teacher, split.longest))

    def _pairing(self, pair: Work, settings: Any) -> Job:
        if settings.rule != "cka":
            return Job("pair_layers", 5, 0, NO_PEAK)
        split = pair.texts.splits["extract"]
        seconds = sum(
            work.forward(shape, split.tokens, self.device) for shape in (pair.teacher, pair.student)
        )
        tokens = pair.tokens("extract", 8)
        return self._job("pair_layers", seconds, 0, memory.reading(pair.teacher, tokens, pair.teacher.layers))

    def _activations(self, pair: Work, settings: Any) -> Job:
        train, layers = pair.texts.splits["train"], min(2 * self._pairs(pair), pair.teacher.layers)
        disk = artifacts.activations_bytes(pair.teacher, train, list(range(layers)))
        peak = memory.reading(pair.teacher, pair.tokens("train", settings.batch_size), layers)
        return self._job(
            "extract_activations", work.forward(pair.teacher, train.tokens, self.device), disk, peak
        )

    def _alignment(self, pair: Work, settings: Any) -> Job:
        train, layers = pair.texts.splits["train"], self._pairs(pair)
        disk = artifacts.alignment_bytes(pair.teacher, pair.student, train, list(range(layers)))
        cpu = work.DEVICES["cpu"]  # LM heads and maps are not moved to the GPU
        seconds = work.mapped(pair.teacher, pair.student, layers * train.positions, cpu)
        return self._job("align_states (no GPU)", seconds, disk, memory.bases(pair.teacher, pair.student))

    def _logits(self, pair: Work, settings: Any) -> Job:
        train = pair.texts.splits["train"]
        peak = memory.reading(pair.teacher, pair.tokens("train", settings.batch_size), 1, logits=True)
        seconds = work.forward(pair.teacher, train.tokens, self.device)
        return self._job("store_logits", seconds, artifacts.logits_bytes(train, settings.top_k), peak)

    def _states(self, rule: str, pair: Work, settings: Any) -> Job:
        train = pair.texts.splits["train"]
        peak = memory.reading(pair.teacher, pair.tokens("train", settings.batch_size), 1, logits=True)
        seconds = work.forward(pair.teacher, train.tokens, self.device)
        return self._job(rule, seconds, artifacts.states_bytes(train, pair.teacher.width), peak)

    def _extraction(self, pair: Work, settings: Any) -> Job:
        split = pair.texts.splits["extract"]
        # one pass for the scores of the blocks, then one per group of matrices; window sums are in float64
        passes, matrices = 3, pair.teacher.layers * sum(a * b for a, b in pair.teacher.projections.values())
        sums = split.examples * matrices * 8 * 4 / self.device.bandwidth
        seconds = passes * (1.5 * work.attributed(pair.teacher, split.tokens, self.device) + sums)
        disk = artifacts.adapter_bytes(pair.student, pair.student.layers, settings.rank, settings.projections)
        return self._job("extract_windows", seconds, disk, memory.sensitivity(pair.teacher, split.longest))

    def _location(self, pair: Work, settings: Any) -> Job:
        split = pair.texts.splits["extract"]
        lens = sum(
            2 * shape.layers * (shape.feed_forward + shape.width) * shape.width * shape.vocabulary
            for shape in (pair.teacher, pair.student)
        )
        seconds = (split.examples + 1) * lens / (self.device.operations / 16)  # in float32
        disk = 4 * split.examples * pair.student.layers * 4 * int(settings.rate * pair.student.feed_forward)
        head = 4 * pair.teacher.vocabulary * pair.teacher.width
        peak = memory.reading(pair.teacher, split.longest, pair.teacher.layers)
        return self._job(
            "locate_neurons", seconds, disk, Peak(peak.weights, 0, 0, peak.activations, head + (3 << 27))
        )

    def _answered(self, model: str, benchmark: str) -> Job:
        """Return the job of a model that answers the train split of a benchmark once, without sampling."""
        shape, texts = self.shapes[model], replace(self.texts[benchmark], samples=1)
        return self._scores("answer_prompts", shape, Work(shape, shape, texts), "train")

    def _reference(self, pair: Work) -> Job:
        test, batch = pair.texts.splits["test"], self.study.evaluation.batch_size
        peak = memory.reading(pair.teacher, pair.tokens("test", batch))
        seconds = work.forward(pair.teacher, test.tokens, self.device)
        return self._job("extract_reference", seconds, artifacts.reference_bytes(pair.teacher, test), peak)

    def _transfer(self, method: str, variant: str, pair: Work) -> Job:
        settings, signals = resolve(self.study, method, variant)
        paired = _wanted(signals.pairing.pairs, pair.student.layers)
        job = training_job(settings, pair, self.device, paired)
        return self._job(f"transfer_knowledge: {method}", job.seconds, job.disk, job.peak)

    def _scores(self, rule: str, shape: ModelShape, pair: Work, split: str) -> Job:
        batch, items = self.study.evaluation.batch_size, pair.texts.splits[split]
        seconds = work.answered(shape, pair.texts, split, batch, self.device)
        length = items.longest + pair.texts.new_tokens
        disk = items.examples * pair.texts.samples * 400
        reading = memory.reading(shape, batch * items.longest, logits=True)
        peak = reading if pair.texts.choices else memory.generation(shape, batch, length)
        return self._job(rule, seconds, disk, peak)


def _wanted(pairs: int | str, layers: int) -> int:
    """Return the number of paired layers of a student with `layers` layers."""
    return layers if pairs == "all" else min(int(pairs), layers)
