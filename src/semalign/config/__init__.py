"""Configuration of a study: one pydantic model per section, validated before any work starts."""
