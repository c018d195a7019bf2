"""Compare the layers of teacher and student, before and after a transfer, by linear CKA (Figures 4 to 6)."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.analysis.stage:measure_similarity")
