"""How is such a mathematical problem solved? Arrays and sparse models, no shops."""
