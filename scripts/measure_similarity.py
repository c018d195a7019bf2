"""Compare the layers of teacher and student by linear CKA, before and after training (paper Figures 4 to 6)."""

from semalign.runtime.script import run_stage

if __name__ == "__main__":
    run_stage("semalign.analysis.stage:measure_similarity")
