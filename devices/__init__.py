"""Physics: cell models, array circuits, converters, wires, technology scaling and component costs."""

__all__: list[str] = []
