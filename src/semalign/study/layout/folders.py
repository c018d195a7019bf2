"""Paths of a study's artifacts, relative to the repository root."""

from semalign.config.benchmarks import Derived, Unlabeled, base_of, without_derived
from semalign.config.cells import DEFAULT, Cell
from semalign.study.definition import Study
from semalign.study.layout.stages import Stages
from semalign.study.searches import trials_of
from semalign.study.variants import cells_of, methods_at, variants_of

UNTOUCHED = "untouched"  # the trial of the untouched student, which every search is compared with


class Folders:
    """The folders of all artifacts of one study, and which pairs, benchmarks, methods and variants have them."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.root = f"results/{study.study}"
        self.cells = cells_of(study)
        self.stages = Stages(study)

    def named(self, kind: str) -> str:
        """Return the name of the method `student` or `teacher` in the config."""
        names = (name for name, settings in self.study.methods.items() if settings.method == kind)
        return next(names, kind)

    def models_of(self, pair: str) -> tuple[str, str]:
        """Return (teacher, student) of a pair."""
        return self.study.pairs[pair].teacher, self.study.pairs[pair].student

    def cell_folder(self, cell: Cell) -> str:
        """Return the folder of a cell."""
        return f"{self.root}/cells/{cell.path}"

    def ranked(self) -> list[Cell]:
        """Return the cells that the ranking compares on the validation split: the students of the main table."""
        methods = self.study.methods
        left_out = {name for name, own in methods.items() if own.rung} | {self.named("teacher")}
        return [cell for cell in self.cells if cell.variant == DEFAULT and cell.method not in left_out]

    def validated_folder(self, cell: Cell) -> str:
        """Return the folder of a cell's scores on the validation split."""
        return f"{self.root}/validation/{cell.path}"

    def exports(self) -> list[tuple[str, str]]:
        """Return (pair, benchmark) of every ranking with a trained student."""
        trained = {name for name, own in self.study.methods.items() if own.trained}
        return list(
            dict.fromkeys((cell.pair, cell.benchmark) for cell in self.ranked() if cell.method in trained)
        )

    def checked(self) -> list[tuple[str, str]]:
        """Return (pair, benchmark) of every check of a pair's texts."""
        return [
            (name, benchmark)
            for name, pair in self.study.pairs.items()
            for benchmark in pair.benchmarks or self.study.benchmarks
        ]

    def score_folders(self) -> list[str]:
        """Return the folders of the models that are scored as they are: <model>/<benchmark>/<protocol>."""
        wanted = self.study.scores
        return [
            f"{self.root}/scores/{model}/{benchmark}/{protocol}"
            for model in wanted.models
            for benchmark in wanted.benchmarks or without_derived(self.study.benchmarks)
            for protocol in wanted.protocols
        ]

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

    def stage_name(self, method: str, variant: str, stage: str) -> str:
        """Return the folder name of a signal stage for one variant of a method."""
        return self.stages.name(method, variant, stage)

    def upstream(self, stage: str, name: str) -> dict[str, str]:
        """Return stage -> folder name, for the earlier stages that the folder `name` of `stage` is made from."""
        return self.stages.upstream(stage, name)

    def needs(self, method: str, variant: str) -> tuple[str, ...]:
        """Return the signal stages that one variant of a method reads."""
        return self.stages.needs(method, variant)

    def signal_folders(self, stage: str) -> list[str]:
        """Return the folders of a signal stage that the cells need, directly or not, in the order of the cells."""
        folders = (
            f"{self.root}/signals/{cell.pair}/{cell.benchmark}/{stage}/"
            + self.stage_name(cell.method, cell.variant, stage)
            for cell in self.cells
            if self.stages.reads(cell.method, cell.variant, stage)
        )
        return list(dict.fromkeys(folders))

    def searched(self) -> list[tuple[str, str, str, str]]:
        """Return (pair, benchmark, method, variant) of every search."""
        return [
            (pair, benchmark, method, variant)
            for pair, benchmark in self.checked()
            for method in methods_at(self.study, benchmark)
            for variant in variants_of(self.study, method)
            if trials_of(self.study, method, variant)
        ]

    def trial_folders(self, pair: str, benchmark: str, method: str, variant: str) -> list[str]:
        """Return the folders of a variant's trials; empty if its learning rate is not searched."""
        trials = trials_of(self.study, method, variant)
        return [f"{self.root}/search/{pair}/{benchmark}/{method}/{variant}/{trial}" for trial in trials]

    def untouched(self, pair: str, benchmark: str) -> str:
        """Return the folder of the untouched student's trial."""
        return f"{self.root}/search/{pair}/{benchmark}/{self.named('student')}/{DEFAULT}/{UNTOUCHED}"
