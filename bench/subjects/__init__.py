"""One file per subject: its sizes, our side, the other side, and the check that both give the same result."""
