"""The sections of a config file: pairs x benchmarks x methods x seeds, ablations, analyses."""

from typing import Any

from pydantic import Field, model_validator

from semalign.benchmarks.registry import PUBLISHED
from semalign.config.analysis import Analysis
from semalign.config.base import Contrast, Seed, Strict
from semalign.config.benchmarks import name_benchmarks
from semalign.config.evaluation import EvaluationSettings
from semalign.config.export import Export
from semalign.config.scores import ModelScores
from semalign.config.search import Search
from semalign.config.signals import STAGES, Signals
from semalign.config.sources import Sources
from semalign.config.statistics import StatisticsSettings
from semalign.config.tracking import Tracking
from semalign.study.kinds import Benchmark, Method

Axes = dict[str, list[Any]]


class Ablations(Strict):
    """Variants of methods that change one setting at a time from its default."""

    method: str = Field("semalign", description="method whose settings are varied")
    axes: Axes = Field(
        {},
        description="dotted key of a setting -> values to try in addition to its default, such as "
        "`alignment.map: [random]`",
    )
    others: dict[str, Axes] = Field(
        {}, description="other methods to vary -> their axes, each in the form of `axes`"
    )
    seeds: list[Seed] = Field([0], min_length=1, description="every variant is trained once per seed")
    search: bool = Field(
        False,
        description="search the learning rate of every variant as for its method; false: a variant uses the learning "
        "rate that was chosen for the method's default",
    )

    @property
    def by_method(self) -> dict[str, Axes]:
        """The axes of every method that has any."""
        axes = {self.method: self.axes, **self.others}
        return {method: varied for method, varied in axes.items() if varied}


class Study(Signals, Sources):
    """The content of one config file."""

    benchmarks: dict[str, Benchmark] = Field({}, description="benchmarks by name")
    search: Search = Search()
    methods: dict[str, Method] = Field({}, description="methods by their name in the tables")
    contrasts: list[Contrast] = Field(
        [], description="further pairs of methods to test against each other, such as `[semalign, sft]`"
    )
    ablations: Ablations = Ablations()
    evaluation: EvaluationSettings = EvaluationSettings()
    statistics: StatisticsSettings = StatisticsSettings()
    scores: ModelScores = ModelScores()
    export: Export = Export()
    analysis: Analysis = Analysis()
    notebooks: list[str] = Field([], description="notebooks to execute at the end of the study")
    tracking: Tracking = Tracking()

    @model_validator(mode="before")
    @classmethod
    def _name_kinds(cls, data: Any) -> Any:
        """Let the kind of a method or of a published benchmark default to its name in the config."""
        if isinstance(data, dict) and isinstance(data.get("methods"), dict):
            methods = {name: _named(name, section) for name, section in data["methods"].items()}
            data = {**data, "methods": methods}
        if isinstance(data, dict) and isinstance(data.get("benchmarks"), dict):
            data = {**data, "benchmarks": name_benchmarks(data["benchmarks"], PUBLISHED)}
        return data

    @property
    def signals(self) -> Signals:
        """The settings of all signal stages as one section."""
        return Signals(**{stage: getattr(self, stage) for stage in STAGES})


def _named(name: str, section: Any) -> Any:
    """A method's section with its kind, which is its name unless it says otherwise."""
    if section is None or isinstance(section, dict):
        return {"method": name, **(section or {})}
    return section
