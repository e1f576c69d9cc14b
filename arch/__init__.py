"""The chip (YAML to Chip), the placement type, the value model, the event model and the ledger."""

__all__: list[str] = []
