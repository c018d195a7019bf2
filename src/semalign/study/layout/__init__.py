"""Paths of a study's artifacts, the artifacts it needs, and the settings that each is made from.

Snakemake's rules use the class `Layout`, which does not depend on Snakemake itself.
"""

from pathlib import Path

from semalign.runtime.files import update_json
from semalign.study.definition import Study
from semalign.study.layout import records
from semalign.study.layout.folders import Folders
from semalign.study.layout.settings import settings_of
from semalign.study.searches import fixed_of, further_trials, searched_variant


class Layout(Folders):
    """Paths and settings of all artifacts of one study."""

    def __init__(self, study: Study) -> None:
        super().__init__(study)
        self.settings = settings_of(self)

    def method_settings(self, method: str, variant: str, benchmark: str, trial: str | None = None) -> str:
        """Return the name of the settings file of a variant, or of a trial of it, on one benchmark."""
        kind, last = ("trials", f"/{trial}") if trial else ("methods", "")
        name = f"{kind}/{method}/{variant}{last}"
        own = f"{name}@{benchmark}"
        return own if own in self.settings else name

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

    def lists(self, record: Path) -> bool:
        """Return whether the artifact of a record belongs to the study, by its cell, pair, benchmark or notebook."""
        return records.lists(self, self.settings, record)

    def write_settings(self) -> None:
        """Write the part of the config that each rule reads to a separate file, if its content has changed.

        These files are inputs of the rules. An edited config therefore reruns exactly what depends on the edit, even
        in a restored clone in which Snakemake has no metadata of earlier runs.
        """
        for name, content in self.settings.items():
            update_json(Path(self.root) / "settings" / f"{name}.json", content)
