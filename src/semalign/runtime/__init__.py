"""What every stage runs on: errors, files, provenance, the command line, the fork server, locks."""
