"""Goods of short life: what to order and which price to put on what must go soon, decided together."""
