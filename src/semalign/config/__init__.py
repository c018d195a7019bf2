"""What a study may say: one model a section, checked before any work starts."""
