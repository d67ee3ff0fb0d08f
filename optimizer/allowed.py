"""Which decisions these tables allow, and what would enable the others."""

from dataclasses import dataclass

from scenarios.world import World


@dataclass(frozen=True)
class Allowed:
    """One decision: whether it can be taken, and in words on what it rests or what it lacks."""

    decision: str
    possible: bool
    words: str


def allowed_decisions(world: World) -> list[Allowed]:
    """Return every decision of the day, possible or not."""
    return [_forecast(world), _orders(world), _transfers(world), _prices(world), _routes(world)]


def _forecast(world: World) -> Allowed:
    if not world.has("sales"):
        return Allowed("forecast", True, "no sales yet: every forecast is zero until some are given")
    table = world.table("sales")
    flagged = " with stock-out flags" if ("sales", "in_stock_share") in world.given else ""
    return Allowed("forecast", True, f"on {table.num_rows:,} sales rows{flagged}")


def _orders(world: World) -> Allowed:
    if not world.has("sources"):
        return Allowed(
            "orders", True, "on defaults of policy.toml; a sources table would give lead times, packs, costs"
        )
    sources = world.frame("sources")
    bought = int((sources["source_kind"] == "supplier").sum())
    return Allowed("orders", bought > 0, f"{bought:,} item-places bought from suppliers")


def _transfers(world: World) -> Allowed:
    sources = world.frame("sources")
    moved = int((sources["source_kind"] == "dc").sum())
    if not moved:
        return Allowed("transfers", False, 'no rows in sources with source_kind "dc"')
    return Allowed("transfers", True, f"{moved:,} item-places supplied by a dc")


def _prices(world: World) -> Allowed:
    missing = [name for name in ("prices", "price_ladders", "markdown_rules") if not world.has(name)]
    if missing:
        return Allowed("prices", False, f"needs {', '.join(missing)}")
    return Allowed("prices", True, f"clearance of what {world.table('markdown_rules').num_rows} rules name")


def _routes(world: World) -> Allowed:
    if not world.has("vehicles"):
        return Allowed("routes", False, "needs vehicles, and deliveries or transfers to bring")
    roads = "roads" if world.has("road_edges") else "a travel table" if world.has("travel") else "straight ways"
    return Allowed("routes", True, f"{world.table('vehicles').num_rows} vehicles on {roads}")
