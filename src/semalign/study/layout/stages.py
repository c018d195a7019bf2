"""The folder of each signal stage that a variant of a method reads, and what that folder is made from."""

from typing import Any

from semalign.config.signals import stages_before
from semalign.study.definition import Study
from semalign.study.kinds import Method
from semalign.study.variants import resolve, signal_name, variants_of


class Stages:
    """Names and settings of the folders of all signal stages, for every variant of a study's methods.

    `settings` maps `<stage>/<folder name>` to the settings of a folder that a variant needs, directly or not.
    """

    def __init__(self, study: Study) -> None:
        self.settings: dict[str, dict[str, Any]] = {}
        self.methods: dict[tuple[str, str], Method] = {}
        self._names: dict[tuple[str, str, str], str] = {}
        self._upstream: dict[tuple[str, str], dict[str, str]] = {}
        for method in study.methods:
            for variant in variants_of(study, method):
                self._add(study, method, variant)

    def name(self, method: str, variant: str, stage: str) -> str:
        """Return the folder name of a signal stage for one variant of a method."""
        return self._names[method, variant, stage]

    def upstream(self, stage: str, name: str) -> dict[str, str]:
        """Return stage -> folder name, for the earlier stages that the folder `name` of `stage` is made from."""
        return self._upstream[stage, name]

    def needs(self, method: str, variant: str) -> tuple[str, ...]:
        """Return the signal stages that one variant of a method reads."""
        return self.methods[method, variant].needs

    def reads(self, method: str, variant: str, stage: str) -> bool:
        """Return whether one variant of a method needs a signal stage, directly or for another stage."""
        return any(stage in (*stages_before(need), need) for need in self.needs(method, variant))

    def _add(self, study: Study, method: str, variant: str) -> None:
        settings, signals = resolve(study, method, variant)
        self.methods[method, variant] = settings
        names: dict[str, str] = {}
        for stage in type(signals).model_fields:
            name = signal_name(study, signals, stage)
            self._names[method, variant, stage] = name
            self._upstream[stage, name] = dict(names)
            names[stage] = name
            if self.reads(method, variant, stage):
                self.settings[f"{stage}/{name}"] = getattr(signals, stage).model_dump(mode="json")
