"""Paths of a study's artifacts, the artifacts it needs, and the settings that each is made from.

Snakemake's rules call this module, which does not depend on Snakemake itself.
"""

from pathlib import Path
from typing import Any

from semalign.benchmarks.registry import BENCHMARKS, PUBLISHED
from semalign.config.benchmarks import Derived, Unlabeled, base_of, without_derived
from semalign.config.cells import DEFAULT, Cell, variant_name
from semalign.config.evaluation import SAMPLED
from semalign.config.signals import stages_before
from semalign.methods.registry import METHODS
from semalign.runtime.errors import UserError
from semalign.runtime.files import update_json
from semalign.study.checks import CHOICES, checks_of_model, checks_of_pair, new_tokens, readers_of
from semalign.study.definition import Study
from semalign.study.oracles import cells_behind
from semalign.study.searches import (
    HIGHEST,
    LOWEST,
    fixed_of,
    further_trials,
    grid_of,
    searched_variant,
    trials_of,
)
from semalign.study.targets import targets_of
from semalign.study.variants import (
    FIXED,
    at_benchmark,
    cells_of,
    changed,
    dose_variants,
    methods_at,
    resolve,
    signal_name,
    variants_of,
)

UNTOUCHED = "untouched"  # the trial of the student as it is, which every search is compared with
# values of signals that make a method a control
CONTROLS = (("residual.source", "shuffled"), ("residual.source", "student"))


class Layout:
    """Paths and settings of all artifacts of one study."""

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
        self._plan_checks()

    def _named(self, kind: str) -> str:
        """Return the name of the method `student` or `teacher` in the config."""
        names = (name for name, settings in self.study.methods.items() if settings.method == kind)
        return next(names, kind)

    @property
    def _student(self) -> str:
        return self._named("student")

    def stage_name(self, method: str, variant: str, stage: str) -> str:
        """Return the folder name of a signal stage for one variant of a method."""
        return self._stages[method, variant, stage]

    def upstream(self, stage: str, name: str) -> dict[str, str]:
        """Return stage -> folder name, for the earlier stages that the folder `name` of `stage` is made from."""
        return self._upstream[stage, name]

    def needs(self, method: str, variant: str) -> tuple[str, ...]:
        """Return the signal stages that one variant of a method reads."""
        return self._needs[method, variant]

    def signal_folders(self, stage: str) -> list[str]:
        """Return the folders of a signal stage that the cells need, directly or not, in the order of the cells."""
        names = {}
        for method, variant in dict.fromkeys((cell.method, cell.variant) for cell in self.cells):
            needs = self.needs(method, variant)
            if any(stage in (*stages_before(need), need) for need in needs):
                names[method, variant] = self.stage_name(method, variant, stage)
        folders = (
            f"{self.root}/signals/{cell.pair}/{cell.benchmark}/{stage}/{names[cell.method, cell.variant]}"
            for cell in self.cells
            if (cell.method, cell.variant) in names
        )
        return list(dict.fromkeys(folders))

    def score_folders(self) -> list[str]:
        """Return the folders of the models that are scored as they are: <model>/<benchmark>/<protocol>."""
        wanted = self.study.scores
        return [
            f"{self.root}/scores/{model}/{benchmark}/{protocol}"
            for model in wanted.models
            for benchmark in wanted.benchmarks or without_derived(self.study.benchmarks)
            for protocol in wanted.protocols
        ]

    def method_settings(self, method: str, variant: str, benchmark: str, trial: str | None = None) -> str:
        """Return the name of the settings file of a variant, or of a trial of it, on one benchmark."""
        kind, last = ("trials", f"/{trial}") if trial else ("methods", "")
        name = f"{kind}/{method}/{variant}{last}"
        own = f"{name}@{benchmark}"
        return own if own in self.settings else name

    def parts_of(self, benchmark: str) -> list[str]:
        """Return the benchmarks that a mixture, or one derived from it, consists of; empty for any other benchmark."""
        base = base_of(self.study.benchmarks, benchmark)
        return list(getattr(self.study.benchmarks[base], "parts", []))

    def made_from(self, benchmark: str) -> list[str]:
        """Return the benchmarks whose folders a mixture or a derived benchmark is made from."""
        section = self.study.benchmarks[benchmark]
        return [section.of] if isinstance(section, Derived) else self.parts_of(benchmark)

    def answered_folder(self, benchmark: str) -> str | None:
        """Return the folder of a model's answers that a benchmark has for labels: answered/<model>/<benchmark>."""
        section = self.study.benchmarks[benchmark]
        if not isinstance(section, Unlabeled):
            return None
        return f"{self.root}/answered/{section.answered_by}/{section.of}"

    def answered_folders(self) -> list[str]:
        """Return the folders of all such answers; benchmarks may share them."""
        return list(dict.fromkeys(filter(None, map(self.answered_folder, self.study.benchmarks))))

    def trial_folders(self, pair: str, benchmark: str, method: str, variant: str) -> list[str]:
        """Return the folders of a variant's trials; empty if its learning rate is not searched."""
        trials = trials_of(self.study, method, variant)
        return [f"{self.root}/search/{pair}/{benchmark}/{method}/{variant}/{trial}" for trial in trials]

    def untouched(self, pair: str, benchmark: str) -> str:
        """Return the folder of the untouched student's trial."""
        return f"{self.root}/search/{pair}/{benchmark}/{self._student}/{DEFAULT}/{UNTOUCHED}"

    def further_settings(self, method: str, variant: str, benchmark: str, end: str) -> list[str]:
        """Return the settings files of the trials that may follow beyond one end of a variant's grid."""
        names = (
            self.method_settings(method, variant, benchmark, trial)
            for trial in further_trials(self.study, method, variant)[end]
        )
        return [f"{self.root}/settings/{name}.json" for name in names]

    def fixed(self, method: str, variant: str) -> list[str]:
        """Return the keys that a variant sets itself, whatever the search of its default chose."""
        return fixed_of(self.study, method, variant)

    def searched_variant(self, method: str, variant: str) -> str | None:
        """Return the variant whose search chooses the learning rate of this one, or None."""
        return searched_variant(self.study, method, variant)

    def searched(self) -> list[tuple[str, str, str, str]]:
        """Return (pair, benchmark, method, variant) of every search."""
        return [
            (name, benchmark, method, variant)
            for name, pair in self.study.pairs.items()
            for benchmark in pair.benchmarks or self.study.benchmarks
            for method in methods_at(self.study, benchmark)
            for variant in variants_of(self.study, method)
            if trials_of(self.study, method, variant)
        ]

    def models_of(self, pair: str) -> tuple[str, str]:
        """Return (teacher, student) of a pair."""
        return self.study.pairs[pair].teacher, self.study.pairs[pair].student

    def cell_folder(self, cell: Cell) -> str:
        """Return the folder of a cell."""
        return f"{self.root}/cells/{cell.path}"

    def checked(self) -> list[tuple[str, str]]:
        """Return (pair, benchmark) of every check of a pair's texts."""
        return [
            (name, benchmark)
            for name, pair in self.study.pairs.items()
            for benchmark in pair.benchmarks or self.study.benchmarks
        ]

    def lists(self, record: Path) -> bool:
        """Return whether the artifact of a record belongs to the study, by its cell, pair, benchmark or notebook."""
        kind, *names = record.relative_to(self.root).parts
        if kind == "cells":
            read = cells_behind(self.signal_folders("oracle"), self.settings)
            return "/".join(names[:5]) in {cell.path for cell in (*self.cells, *read)}
        if kind == "scores":
            return "/".join([self.root, kind, *names[:3]]) in self.score_folders()
        if kind == "answered":
            return str(record.parent) in self.answered_folders()
        if kind == "checks" and names[0] == "pairs":
            return (names[1], names[2]) in self.checked()
        if kind == "checks":
            return "/".join([self.root, *names[:4]]) in self.score_folders()
        if kind == "signals":
            return (names[0], names[1]) in {(cell.pair, cell.benchmark) for cell in self.cells}
        if kind in ("choices", "search"):
            return self._lists_search(kind, names)
        if names[0] == "notebooks":
            return record.stem in self.study.notebooks
        return True

    def _lists_search(self, kind: str, names: list[str]) -> bool:
        """Whether a choice or a trial belongs to the study; so does a trial that may follow beyond a grid."""
        pair, benchmark, method, variant = names[:4]
        searched = self.searched()
        if kind == "search" and (pair, benchmark) in {search[:2] for search in searched}:
            folder = f"{self.root}/search/{'/'.join(names[:5])}"
            if folder == self.untouched(pair, benchmark):
                return True
        if (pair, benchmark, method, variant) not in searched:
            return False
        return kind == "choices" or names[4] in self._all_trials(method, variant)

    def write_settings(self) -> None:
        """Write the part of the config that each rule reads to a separate file, if its content has changed.

        These files are inputs of the rules. An edited config therefore reruns exactly what depends on the edit, even
        in a restored clone in which Snakemake has no metadata of earlier runs.
        """
        for name, content in self.settings.items():
            update_json(Path(self.root) / "settings" / f"{name}.json", content)

    def _plan(self) -> None:
        study = self.study
        for section in ("models", "benchmarks"):
            for name, entry in getattr(study, section).items():
                self.settings[f"{section}/{name}"] = entry.model_dump(mode="json", exclude=CHOICES)
        for name in study.pairs:
            teacher, student = self.models_of(name)
            self.settings[f"pairs/{name}"] = {"teacher": teacher, "student": student}
        for method in study.methods:
            for variant in variants_of(study, method):
                self._plan_variant(method, variant)
                self._plan_search(method, variant)
        if self.searched():
            untouched = study.methods[self._student]
            self.settings[f"trials/{self._student}/{DEFAULT}/{UNTOUCHED}"] = _slice(untouched)
        self._plan_evaluation()
        self.settings["statistics"] = study.statistics.model_dump(mode="json")
        self.settings["order"] = self._order()
        self.settings["cells"] = [self.cell_folder(cell) for cell in self.cells]
        self.settings["notebooks"] = list(study.notebooks)
        self.settings["facts"] = self._facts()
        # the analyses read the default settings even if no cell does
        for stage in (*stages_before("alignment"), "alignment"):
            self.settings[f"{stage}/{DEFAULT}"] = getattr(study, stage).model_dump(mode="json")
        for name in type(study.analysis).model_fields:
            self.settings[f"analysis/{name}"] = getattr(study.analysis, name).model_dump(mode="json")
        for name in ("decomposition", "displacement"):
            self.settings[f"analysis/{name}"]["confidence"] = study.statistics.confidence
        if study.analysis.displacement.benchmark:
            for pair in study.pairs:
                self.settings[f"targets/{pair}"] = targets_of(study, self.root, self.cells, pair)

    def _plan_evaluation(self) -> None:
        """Plan separate settings for generating and for judging, so that a change of the latter generates nothing."""
        study = self.study
        of_judging = {"sandbox", "sandbox_workers"}
        answering = study.evaluation.model_dump(mode="json", exclude=of_judging)
        judging = study.evaluation.model_dump(mode="json", include={*of_judging, "split"})
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
        for folder in self.answered_folders():
            own = self._answered(answering, folder.rsplit("/", 1)[-1])
            self.settings[folder.removeprefix(f"{self.root}/")] = own
        self.settings["published"] = study.scores.model_dump(mode="json")["published"]

    def _answered(self, answering: dict[str, Any], benchmark: str) -> dict[str, Any]:
        """Return how a model answers the train split: the prompts that are trained on, one greedy answer each."""
        limits = answering["max_new_tokens"]
        names = self.parts_of(benchmark) or [benchmark]
        own = {name: limit for name, limit in limits.items() if name in names}
        return answering | {"split": "train", "protocol": "paper", "samples": {}, "max_new_tokens": own}

    def _plan_checks(self) -> None:
        """Plan what is checked of the texts of each benchmark, for every pair and every model that is scored."""
        for pair, benchmark in self.checked():
            self.settings[f"checks/pairs/{pair}/{benchmark}"] = checks_of_pair(self.study, benchmark)
        for folder in self.score_folders():
            model, benchmark, protocol = folder.removeprefix(f"{self.root}/scores/").split("/")
            settings = checks_of_model(self.study, benchmark, self.settings[f"scores/{protocol}"])
            self.settings[f"checks/scores/{model}/{benchmark}/{protocol}"] = settings
        for name in self.study.benchmarks:
            if readers := readers_of(self.study, name):
                self.settings[f"benchmarks/{name}"]["too_long"] = "leave-out"
                self.settings[f"fitting/{name}"] = {
                    "readers": readers,
                    "new_tokens": new_tokens(self.study, name),
                }

    def _plan_variant(self, method: str, variant: str) -> None:
        settings, signals = resolve(self.study, method, variant)
        self._needs[method, variant] = settings.needs
        self.settings[f"methods/{method}/{variant}"] = _slice(settings)
        names: dict[str, str] = {}
        needed = {stage for need in settings.needs for stage in (*stages_before(need), need)}
        for stage in type(signals).model_fields:
            name = signal_name(self.study, signals, stage)
            self._stages[method, variant, stage] = name
            self._upstream[stage, name] = dict(names)
            names[stage] = name
            if stage in needed:
                self.settings[f"{stage}/{name}"] = getattr(signals, stage).model_dump(mode="json")

    def _plan_search(self, method: str, variant: str) -> None:
        """Plan the settings of a search, of its trials, and of those that may follow beyond its grid."""
        trials = self._all_trials(method, variant)
        for trial, changes in trials.items():
            settings, _ = changed(self.study, method, changes, f"search ({method} {variant} {trial})")
            self.settings[f"trials/{method}/{variant}/{trial}"] = _slice(settings)
        if trials:
            self.settings[f"searches/{method}/{variant}"] = {
                "keys": list(grid_of(self.study, method, variant))
            }

    def _all_trials(self, method: str, variant: str) -> dict[str, dict[str, Any]]:
        """Return trial name -> changed keys, of the grid and beyond."""
        further = further_trials(self.study, method, variant)
        return {**trials_of(self.study, method, variant), **further[LOWEST], **further[HIGHEST]}

    def _plan_benchmarks(self) -> None:
        """Plan the settings of methods, and of their trials, on benchmarks listed in `by_benchmark`."""
        study = self.study
        for method, section in study.methods.items():
            for variant, changes in variants_of(study, method).items() if section.by_benchmark else ():
                changes_of = {f"methods/{method}/{variant}": changes}
                for trial, trial_changes in self._all_trials(method, variant).items():
                    changes_of[f"trials/{method}/{variant}/{trial}"] = trial_changes
                for benchmark in section.by_benchmark:
                    for name, own_changes in changes_of.items():
                        settings = at_benchmark(study, method, own_changes, benchmark)
                        self.settings[f"{name}@{benchmark}"] = _slice(settings)

    def _order(self) -> dict[str, Any]:
        """Return the order and the titles of everything in the tables, and the values of every ablated axis."""
        study = self.study
        axes: dict[str, dict[str, Any]] = {
            method: dict(self._axis(method, key, values) for key, values in varied.items())
            for method, varied in study.ablations.by_method.items()
        }
        return {
            "pairs": list(study.pairs),
            "benchmarks": list(study.benchmarks),
            "parts": {name: parts for name in study.benchmarks if (parts := self.parts_of(name))},
            "derived": {
                name: section.of for name, section in study.benchmarks.items() if isinstance(section, Derived)
            },
            "methods": list(study.methods),
            "rungs": [name for name, settings in study.methods.items() if settings.rung],
            "student": self._student,
            "teacher": self._named("teacher"),
            "contrasts": [list(contrast) for contrast in study.contrasts],
            "axes": axes,
            "ladder": study.analysis.ladder.model_dump(mode="json"),
            "doses": {name: variants for name in study.methods if (variants := dose_variants(study, name))},
            "titles": self._titles(),
            "controls": [name for name, settings in study.methods.items() if _is_control(settings)],
        }

    def _facts(self) -> dict[str, Any]:
        """Facts from the config for the study's page, without paths of the machine."""
        study = self.study
        sources = {
            name: f"{model.repository} at {model.revision}" if model.source == "hub" else model.source
            for name, model in study.models.items()
        }
        return {
            "study": study.study,
            "seeds": list(study.seeds),
            "pairs": {
                name: {"teacher": pair.teacher, "student": pair.student} for name, pair in study.pairs.items()
            },
            "models": sources,
            "benchmarks": list(study.benchmarks),
        }

    def _titles(self) -> dict[str, str]:
        """Return the printed names of all methods, and of the benchmarks that are named after their kind."""
        benchmarks = {**BENCHMARKS, **PUBLISHED}
        return {
            **{name: benchmarks[name].title for name in self.study.benchmarks if name in benchmarks},
            **{
                name: settings.title or title_of(name, settings.method)
                for name, settings in self.study.methods.items()
            },
        }

    def _axis(self, method: str, key: str, values: list[Any]) -> tuple[str, dict[str, Any]]:
        """Return the name of an ablated axis, and its default and other values."""
        settings, signals = resolve(self.study, method, DEFAULT)
        default = "searched" if key in grid_of(self.study, method) else _lookup(key, signals, settings)
        names = [variant_name(key, value).partition("~") for value in [default, *values]]
        (axis, _, default), others = names[0], [value for _, _, value in names[1:]]
        return axis, {"default": default, "values": others}


def _is_control(settings: Any) -> bool:
    """Whether a method is a control: it uses random signals, only the student's own, or another method's result."""
    chance = (
        value == "random" or (key.endswith(".shuffled") and value) or (key, value) in CONTROLS
        for key, value in settings.signals.items()
    )
    return settings.method in ("self-anchor", "oracle") or any(chance)


def title_of(name: str, kind: str) -> str:
    """Return the printed name of a method: `sft-all-layers`, of the kind `sft`, becomes `SFT, all layers`."""
    title = METHODS.entry(kind).title
    if name == kind:
        return title
    detail = name.removeprefix(f"{kind}-").replace("-", " ")
    return f"{title}, {detail}" if name.startswith(f"{kind}-") else name


def _slice(settings: Any) -> dict[str, Any]:
    """Return the settings that a method itself reads, without those for the signal stages and the search."""
    return dict(settings.model_dump(mode="json", exclude=set(FIXED) - {"method"}))


def _lookup(key: str, *sections: Any) -> Any:
    """Return the value of a dotted key in the first section that has it."""
    for section in sections:
        value: Any = section.model_dump(mode="json")
        for part in key.split("."):
            value = value.get(part, KeyError) if isinstance(value, dict) else KeyError
        if value is not KeyError:
            return value
    raise UserError(f"config: ablations: unknown key {key!r}")
