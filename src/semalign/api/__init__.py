"""The Python interface: what `semalign` exports for use on loaded models, without a study, records or files.

Each function calls the science that the study's stages call, so that the same inputs give the same numbers. `inputs`
says what may be given as a model and as examples.
"""
