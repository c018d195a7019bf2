"""The configuration of a whole study: pairs x benchmarks x methods x seeds, plus ablations."""

import re
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator

from semalign.benchmarks.registry import PUBLISHED
from semalign.config.analysis import Analysis
from semalign.config.base import Strict
from semalign.config.benchmarks import Mixture, name_benchmarks
from semalign.config.evaluation import SAMPLED, EvaluationSettings
from semalign.config.extending import extended, read_yaml
from semalign.config.pruning import check_source
from semalign.config.revisions import with_revisions
from semalign.config.scores import ModelScores
from semalign.config.search import Search
from semalign.config.signals import STAGES, Signals
from semalign.config.sources import Sources
from semalign.config.statistics import StatisticsSettings
from semalign.runtime.errors import UserError
from semalign.study.kinds import Benchmark, Method

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


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
    seeds: list[int] = Field([0], min_length=1, description="every variant is trained once per seed")
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
    contrasts: list[tuple[str, str]] = Field(
        [], description="further pairs of methods to test against each other, such as `[semalign, sft]`"
    )
    ablations: Ablations = Ablations()
    evaluation: EvaluationSettings = EvaluationSettings()
    statistics: StatisticsSettings = StatisticsSettings()
    scores: ModelScores = ModelScores()
    analysis: Analysis = Analysis()
    notebooks: list[str] = Field([], description="notebooks to execute at the end of the study")

    @model_validator(mode="before")
    @classmethod
    def _name_kinds(cls, data: Any) -> Any:
        """Let the kind of a method or of a published benchmark default to its name in the config."""
        if isinstance(data, dict) and isinstance(data.get("methods"), dict):
            methods = {name: {"method": name, **(section or {})} for name, section in data["methods"].items()}
            data = {**data, "methods": methods}
        if isinstance(data, dict) and isinstance(data.get("benchmarks"), dict):
            data = {**data, "benchmarks": name_benchmarks(data["benchmarks"], PUBLISHED)}
        return data

    @model_validator(mode="after")
    def _check(self) -> "Study":
        sections = (self.models, self.pairs, self.benchmarks, self.methods)
        for name in [self.study, *(name for section in sections for name in section)]:
            if not NAME.fullmatch(name):
                raise ValueError(
                    f"name {name!r}: expected a letter or digit, then letters, digits, '.', '_' or '-'"
                )
        for name, pair in self.pairs.items():
            _known(f"pairs.{name}.teacher", [pair.teacher], self.models)
            _known(f"pairs.{name}.student", [pair.student], self.models)
            _known(f"pairs.{name}.benchmarks", pair.benchmarks or [], self.benchmarks)
        for name, model in self.models.items():
            check_source(f"models.{name}", model, self.models, self.benchmarks)
        _known("analysis.decomposition.models", self.analysis.decomposition.models, self.models)
        _known("analysis.similarity.methods", self.analysis.similarity.methods, self.methods)
        for section in ("similarity", "geometry"):
            if benchmark := getattr(self.analysis, section).benchmark:
                _known(f"analysis.{section}.benchmark", [benchmark], self.benchmarks)
        _known("evaluation.max_new_tokens", list(self.evaluation.max_new_tokens), self.benchmarks)
        _known("evaluation.samples", list(self.evaluation.samples), self.benchmarks)
        self._check_protocol()
        self._check_scores()
        if self.search.learning_rates:
            self._check_search()
        for name, benchmark in self.benchmarks.items():
            plain = {
                other: section
                for other, section in self.benchmarks.items()
                if not isinstance(section, Mixture)
            }
            _known(f"benchmarks.{name}.parts", getattr(benchmark, "parts", []), plain)
        if self.ablations.axes:
            _known("ablations.method", [self.ablations.method], self.methods)
        if self.ablations.method in self.ablations.others:
            raise ValueError(
                f"ablations.others: found {self.ablations.method!r}, expected its axes in ablations.axes"
            )
        _known("ablations.others", list(self.ablations.others), self.methods)
        if self.pairs and not {"student", "teacher"} <= {m.method for m in self.methods.values()}:
            raise ValueError(
                "methods: expected `student` and `teacher`, since every table compares with them"
            )
        for contrast in self.contrasts:
            _known("contrasts", list(contrast), self.methods)
        self._check_by_benchmark()
        return self

    def _check_protocol(self) -> None:
        """Check that all benchmarks have the protocol, and that those in `samples` are scored by sampling."""
        protocol = self.evaluation.protocol
        for name, benchmark in self.benchmarks.items():
            published = getattr(benchmark, "benchmark", None)
            if protocol != "paper" and not published and not isinstance(benchmark, Mixture):
                raise ValueError(
                    f"evaluation.protocol: found {protocol!r}, which benchmark {name} does not have; expected 'paper'"
                )
            if name in self.evaluation.samples and published not in SAMPLED[protocol]:
                raise ValueError(
                    f"evaluation.samples.{name}: found {self.evaluation.samples[name]}, expected no entry, since "
                    f"protocol {protocol!r} does not sample its answers"
                )

    def _check_scores(self) -> None:
        """Check that the models and benchmarks to score exist, and that the benchmarks have the protocols."""
        wanted = self.scores
        _known("scores.models", wanted.models, self.models)
        _known("scores.benchmarks", wanted.benchmarks, self.benchmarks)
        for score in wanted.published:
            _known("scores.published.model", [score.model], self.models)
            _known("scores.published.benchmark", [score.benchmark], self.benchmarks)
        for name in (wanted.benchmarks or self.benchmarks) if wanted.models else ():
            if set(wanted.protocols) - {"paper"} and not getattr(self.benchmarks[name], "benchmark", None):
                raise ValueError(
                    f"scores.protocols: found {wanted.protocols}, of which benchmark {name} has only 'paper'"
                )

    def _check_by_benchmark(self) -> None:
        """Check that `by_benchmark` names existing benchmarks and does not set a learning rate that is searched."""
        for name, settings in self.methods.items():
            _known(f"methods.{name}.by_benchmark", list(settings.by_benchmark), self.benchmarks)
            for benchmark, changes in settings.by_benchmark.items():
                key = f"methods.{name}.by_benchmark.{benchmark}"
                rate = "optimisation.learning_rate"
                if self.search.learning_rates and rate in changes:
                    raise ValueError(
                        f"{key}: found {rate}, expected none, since search.learning_rates chooses it"
                    )

    def _check_search(self) -> None:
        """Check that every trained method has the same search budget, and none sets a learning rate itself."""
        expected = len(self.search.learning_rates)
        for name, settings in self.methods.items():
            own = settings.learning_rates
            if own is not None and len(own) != expected:
                raise ValueError(
                    f"methods.{name}.learning_rates: found {len(own)} learning rates, expected {expected}, as in "
                    "search.learning_rates (every method has the same budget)"
                )
            optimisation = getattr(settings, "optimisation", None)
            if optimisation and "learning_rate" in optimisation.model_fields_set:
                raise ValueError(
                    f"methods.{name}.optimisation.learning_rate: found {optimisation.learning_rate}, expected "
                    "none, since search.learning_rates chooses it"
                )

    @property
    def signals(self) -> Signals:
        """The settings of all signal stages as one section."""
        return Signals(**{stage: getattr(self, stage) for stage in STAGES})


def _known(key: str, names: list[str], section: dict[str, Any]) -> None:
    """Raise ValueError, as a mistake in `key`, if a name is not in a section."""
    for name in names:
        if name not in section:
            raise ValueError(
                f"{key}: found {name!r}, expected one of {', '.join(section) or 'none (empty section)'}"
            )


def parse_study(data: dict[str, Any]) -> Study:
    """Validate a config as read from YAML, after merging it into the file that `extends` names.

    Raises UserError, which names each wrong key, what was found and what was expected.
    """
    try:
        return Study.model_validate(with_revisions(extended(data)))
    except ValidationError as error:
        raise UserError("config: " + "; ".join(explain(item) for item in error.errors())) from None


def load_study(path: Path | str) -> Study:
    """Read and validate a config file."""
    return parse_study(read_yaml(path))


def explain(item: Any) -> str:
    """Return a pydantic error as a phrase: key, what was expected, what was found."""
    parts = [str(part) for part in item["loc"]]
    if parts[:1] in (["methods"], ["models"], ["benchmarks"]):
        del parts[2:3]  # pydantic inserts the kind of the section here, which is not a key of the file
    key = ".".join(parts)
    if item["type"] == "extra_forbidden":
        return f"unknown key {key!r}"
    if item["type"] == "value_error" and not key:
        return str(item["ctx"]["error"])
    value = item.get("input")
    shown = "" if isinstance(value, dict) else f" (found {value!r})"
    return f"{key}: {item['msg'][0].lower()}{item['msg'][1:]}{shown}"
