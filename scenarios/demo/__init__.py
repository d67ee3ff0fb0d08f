"""A company from a seed, with its truth beside it: what to try the engine on before one's own tables are at hand."""

from scenarios.demo.company import Size
from scenarios.demo.writing import write_demo

__all__ = ["Size", "write_demo"]
