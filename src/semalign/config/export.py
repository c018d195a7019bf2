"""Which trained student to use, and in what form it leaves the study."""

from typing import Literal

from pydantic import Field

from semalign.config.base import Strict


class Export(Strict):
    """The ranking on the validation split, and the folder that other software loads.

    `snakemake --cores all export` makes both, whatever `ranking` and `at_end` say.
    """

    ranking: bool = Field(
        False,
        description="score every trained student on the validation split too, and rank methods and seeds by it "
        "(tables/ranking.csv), so that no choice is made on the test split",
    )
    at_end: bool = Field(
        False,
        description="at the end of the study, export the best student of the ranking to results/<study>/export",
    )
    merged: Literal["float32", "bfloat16", "float16"] | None = Field(
        None,
        description="also export the whole student with the training added to its weights, in this precision; null: no",
    )
    gguf: Literal["float32", "float16", "q8_0"] | None = Field(
        None, description="also export it as one GGUF file in this precision (Llama architecture); null: no"
    )
