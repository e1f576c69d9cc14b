"""Readers of the files that datasets come in: one module a dataset; `datasets` knows them by name."""
