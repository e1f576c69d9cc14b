"""Reports: build, check, and write them for people (tables) and programs (JSON, CSV)."""
