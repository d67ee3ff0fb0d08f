"""How much may be wanted? Joint demand paths from checked tables."""
