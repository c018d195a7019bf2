"""Where a study's artifacts stand, which of them it needs, and the settings each is made from.

Snakemake's rules ask here; nothing in this module knows Snakemake.
"""

from pathlib import Path
from typing import Any

from semalign.benchmarks.registry import BENCHMARKS, PUBLISHED
from semalign.config.cells import DEFAULT, Cell, variant_name
from semalign.config.evaluation import SAMPLED
from semalign.config.signals import behind
from semalign.methods.registry import METHODS
from semalign.runtime.errors import UserError
from semalign.runtime.files import update_json
from semalign.study.definition import Study
from semalign.study.variants import (
    RATE,
    at_benchmark,
    cells_of,
    changed,
    resolve,
    searched_variant,
    signal_name,
    trials_of,
    variants_of,
)


class Layout:
    """The artifacts of one study, by readable names."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.root = f"results/{study.study}"
        self.cells = cells_of(study)
        self.settings: dict[str, Any] = {}
        self._stages: dict[tuple[str, str, str], str] = {}
        self._upstream: dict[tuple[str, str], dict[str, str]] = {}
        self._needs: dict[tuple[str, str], tuple[str, ...]] = {}
        self._plan()
        self._plan_benchmarks()

    def stage_name(self, method: str, variant: str, stage: str) -> str:
        """The folder name of a signal stage as one variant of a method needs it."""
        return self._stages[method, variant, stage]

    def upstream(self, stage: str, name: str) -> dict[str, str]:
        """Names of the stages before `stage` that its folder `name` is made from."""
        return self._upstream[stage, name]

    def needs(self, method: str, variant: str) -> tuple[str, ...]:
        """The signal stages that one variant of a method reads."""
        return self._needs[method, variant]

    def signal_folders(self, stage: str) -> list[str]:
        """The folders of a signal stage that the cells need, directly or not, in the order of the cells."""
        names = {}
        for method, variant in dict.fromkeys((cell.method, cell.variant) for cell in self.cells):
            needs = self.needs(method, variant)
            if any(stage in (*behind(need), need) for need in needs):
                names[method, variant] = self.stage_name(method, variant, stage)
        folders = (
            f"{self.root}/signals/{cell.pair}/{cell.benchmark}/{stage}/{names[cell.method, cell.variant]}"
            for cell in self.cells
            if (cell.method, cell.variant) in names
        )
        return list(dict.fromkeys(folders))

    def score_folders(self) -> list[str]:
        """The folders of the models that are scored as they are: <model>/<benchmark>/<protocol>."""
        wanted = self.study.scores
        return [
            f"{self.root}/scores/{model}/{benchmark}/{protocol}"
            for model in wanted.models
            for benchmark in wanted.benchmarks or self.study.benchmarks
            for protocol in wanted.protocols
        ]

    def method_settings(self, method: str, variant: str, benchmark: str, trial: str | None = None) -> str:
        """The name of the settings that a variant, or a trial of it, has on one benchmark."""
        kind, last = ("trials", f"/{trial}") if trial else ("methods", "")
        name = f"{kind}/{method}/{variant}{last}"
        own = f"{name}@{benchmark}"
        return own if own in self.settings else name

    def parts_of(self, benchmark: str) -> list[str]:
        """The benchmarks that a mixture is made of; none for any other."""
        return list(getattr(self.study.benchmarks[benchmark], "parts", []))

    def trial_folders(self, pair: str, benchmark: str, method: str, variant: str) -> list[str]:
        """The folders of a variant's trials; none where it is not searched."""
        trials = trials_of(self.study, method, variant)
        return [f"{self.root}/search/{pair}/{benchmark}/{method}/{variant}/{trial}" for trial in trials]

    def searched_variant(self, method: str, variant: str) -> str | None:
        """The variant whose search chooses the learning rate that this one trains at."""
        return searched_variant(self.study, method, variant)

    def searched(self) -> list[tuple[str, str, str, str]]:
        """(pair, benchmark, method, variant) of every search."""
        return [
            (name, benchmark, method, variant)
            for name, pair in self.study.pairs.items()
            for benchmark in pair.benchmarks or self.study.benchmarks
            for method in self.study.methods
            for variant in variants_of(self.study, method)
            if trials_of(self.study, method, variant)
        ]

    def models_of(self, pair: str) -> tuple[str, str]:
        """(teacher, student) of a pair."""
        return self.study.pairs[pair].teacher, self.study.pairs[pair].student

    def cell_folder(self, cell: Cell) -> str:
        """The folder of a cell."""
        return f"{self.root}/cells/{cell.path}"

    def lists(self, record: Path) -> bool:
        """Whether a record's artifact belongs to the study: its cell, its pair and benchmark, its notebook."""
        kind, *names = record.relative_to(self.root).parts
        if kind == "cells":
            return "/".join(names[:5]) in {cell.path for cell in self.cells}
        if kind == "scores":
            return "/".join([self.root, kind, *names[:3]]) in self.score_folders()
        if kind == "signals":
            return (names[0], names[1]) in {(cell.pair, cell.benchmark) for cell in self.cells}
        if kind in ("choices", "search"):
            of = (names[0], names[1], names[2], names[3])
            folder = f"{self.root}/search/{'/'.join(names[:5])}"
            return of in self.searched() and (kind == "choices" or folder in self.trial_folders(*of))
        if names[0] == "notebooks":
            return record.stem in self.study.notebooks
        return True

    def write_settings(self) -> None:
        """Write each rule's slice of the config to a file of its own, only where its content changes.

        The slices are inputs of the rules: an edited config reruns what it must, even in a restored clone
        that has no record of earlier runs.
        """
        for name, content in self.settings.items():
            update_json(Path(self.root) / "settings" / f"{name}.json", content)

    def _plan(self) -> None:
        study = self.study
        for section in ("models", "benchmarks"):
            for name, given in getattr(study, section).items():
                self.settings[f"{section}/{name}"] = given.model_dump(mode="json")
        for method in study.methods:
            for variant in variants_of(study, method):
                self._plan_variant(method, variant)
                for trial, changes in trials_of(study, method, variant).items():
                    settings, _ = changed(study, method, changes, f"search ({method} {variant} {trial})")
                    self.settings[f"trials/{method}/{variant}/{trial}"] = _slice(settings)
        self._plan_evaluation()
        self.settings["statistics"] = study.statistics.model_dump(mode="json")
        self.settings["order"] = self._order()
        self.settings["cells"] = [self.cell_folder(cell) for cell in self.cells]
        # analyses read the defaults even where no cell does
        for stage in (*behind("alignment"), "alignment"):
            self.settings[f"{stage}/{DEFAULT}"] = getattr(study, stage).model_dump(mode="json")
        for name in type(study.analysis).model_fields:
            self.settings[f"analysis/{name}"] = getattr(study.analysis, name).model_dump(mode="json")
        self.settings["analysis/decomposition"]["confidence"] = study.statistics.confidence

    def _plan_evaluation(self) -> None:
        """How answers are generated and how they are judged: a change of the latter generates nothing anew."""
        study = self.study
        judged = {"sandbox", "sandbox_workers"}
        answering = study.evaluation.model_dump(mode="json", exclude=judged)
        judging = study.evaluation.model_dump(mode="json", include={*judged, "split"})
        self.settings["evaluation"], self.settings["judging"] = answering, judging
        for name, section in {"validation": answering, "judging-validation": judging}.items():
            self.settings[name] = section | {"split": "validation"}
        for protocol in study.scores.protocols if study.scores.models else ():
            kinds = {
                name: getattr(benchmark, "benchmark", None) for name, benchmark in study.benchmarks.items()
            }
            samples = {
                name: count
                for name, count in study.evaluation.samples.items()
                if kinds[name] in SAMPLED[protocol]
            }
            self.settings[f"scores/{protocol}"] = answering | {"protocol": protocol, "samples": samples}
        self.settings["published"] = study.scores.model_dump(mode="json")["published"]

    def _plan_variant(self, method: str, variant: str) -> None:
        settings, signals = resolve(self.study, method, variant)
        self._needs[method, variant] = settings.needs
        self.settings[f"methods/{method}/{variant}"] = _slice(settings)
        names: dict[str, str] = {}
        needed = {stage for need in settings.needs for stage in (*behind(need), need)}
        for stage in type(signals).model_fields:
            name = signal_name(self.study, signals, stage)
            self._stages[method, variant, stage] = name
            self._upstream[stage, name] = dict(names)
            names[stage] = name
            if stage in needed:
                self.settings[f"{stage}/{name}"] = getattr(signals, stage).model_dump(mode="json")

    def _plan_benchmarks(self) -> None:
        """What a method's settings are on benchmarks that have changes of their own, its trials' too."""
        study = self.study
        for method, given in study.methods.items():
            for variant, changes in variants_of(study, method).items() if given.by_benchmark else ():
                plans = {f"methods/{method}/{variant}": changes}
                trials = trials_of(study, method, variant)
                plans |= {f"trials/{method}/{variant}/{trial}": own for trial, own in trials.items()}
                for benchmark in given.by_benchmark:
                    for name, own in plans.items():
                        settings = at_benchmark(study, method, own, benchmark)
                        self.settings[f"{name}@{benchmark}"] = _slice(settings)

    def _order(self) -> dict[str, Any]:
        """What the tables list, in which order, and the values of every ablated axis, the default's first."""
        study = self.study
        axes: dict[str, dict[str, Any]] = {
            method: dict(self._axis(method, key, values) for key, values in given.items())
            for method, given in study.ablations.by_method.items()
        }
        kinds = {settings.method: name for name, settings in study.methods.items()}
        return {
            "pairs": list(study.pairs),
            "benchmarks": list(study.benchmarks),
            "parts": {name: parts for name in study.benchmarks if (parts := self.parts_of(name))},
            "methods": list(study.methods),
            "student": kinds.get("student", "student"),
            "teacher": kinds.get("teacher", "teacher"),
            "contrasts": [list(contrast) for contrast in study.contrasts],
            "axes": axes,
            "titles": self._titles(),
        }

    def _titles(self) -> dict[str, str]:
        """Printed names: of all methods, and of the benchmarks that bear the name of their kind."""
        benchmarks = {**BENCHMARKS, **PUBLISHED}
        return {
            **{name: benchmarks[name].title for name in self.study.benchmarks if name in benchmarks},
            **{name: title_of(name, settings.method) for name, settings in self.study.methods.items()},
        }

    def _axis(self, method: str, key: str, values: list[Any]) -> tuple[str, dict[str, Any]]:
        """An axis' name, the value that it has by default, and its others."""
        settings, signals = resolve(self.study, method, DEFAULT)
        searched = key == RATE and self.searched_variant(method, DEFAULT)
        default = "searched" if searched else _lookup(key, signals, settings)
        names = [variant_name(key, value).partition("~") for value in [default, *values]]
        (axis, _, default), others = names[0], [value for _, _, value in names[1:]]
        return axis, {"default": default, "values": others}


def title_of(name: str, kind: str) -> str:
    """How a method of the study is printed: `sft-all-layers`, of the kind `sft`, is `SFT, all layers`."""
    title = METHODS.entry(kind).title
    if name == kind:
        return title
    detail = name.removeprefix(f"{kind}-").replace("-", " ")
    return f"{title}, {detail}" if name.startswith(f"{kind}-") else name


def _slice(settings: Any) -> dict[str, Any]:
    """What a method itself reads; the rest is for the signal stages and the search."""
    return dict(settings.model_dump(mode="json", exclude={"signals", "learning_rates", "by_benchmark"}))


def _lookup(key: str, *sections: Any) -> Any:
    for section in sections:
        value: Any = section.model_dump(mode="json")
        for part in key.split("."):
            value = value.get(part, KeyError) if isinstance(value, dict) else KeyError
        if value is not KeyError:
            return value
    raise UserError(f"config: ablations: unknown key {key!r}")
