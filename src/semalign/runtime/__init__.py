"""Infrastructure shared by all stages: errors, files, provenance, command line, fork server, locks."""
