"""Do the filters' tables add up? Kept within the row, holds within the time for reviews, one segment a member."""

from collections.abc import Iterator

from optimizer.plan.check import UNITS_TOLERANCE, Evidence, Violation
from scenarios.world import rows_of


def check_excluded(evidence: Evidence) -> Iterator[Violation]:
    """Check that each excluded row keeps no more than it had, for a reason."""
    table = evidence.frame("excluded_rows")
    for row in rows_of(table[(table["kept"] < -UNITS_TOLERANCE) | (table["kept"] > table["units"] + UNITS_TOLERANCE)]):
        yield Violation("excluded_rows", row.row_key, f"keeps {row.kept:g} of {row.units:g}")
    for row in rows_of(table[table["reason"].isna()]):
        yield Violation("excluded_rows", row.row_key, "gives no reason")


def check_holds(evidence: Evidence) -> Iterator[Violation]:
    """Check that held orders have a delivery ahead and that each queue has time for its own."""
    world, holds = evidence.world, evidence.frame("order_holds")
    ahead = set(world.frame("deliveries")["order_id"].dropna())
    for row in rows_of(holds):
        if row.order_id not in ahead:
            yield Violation("order_holds", row.order_id, "is no order with a delivery")
        if not 0 <= row.probability <= 1:
            yield Violation("order_holds", row.order_id, f"has probability {row.probability:g}")
    queues = world.frame("review_queues").set_index("queue")
    for name, count in holds["queue"].value_counts().items():
        minutes = float(queues["minutes_per_day"].get(name, 0.0))
        each = float(queues["minutes_per_review"].get(name, 1.0))
        if count * each > minutes + UNITS_TOLERANCE:
            yield Violation("order_holds", str(name), f"{count} reviews of {each:g} minutes do not fit {minutes:g}")


def check_segments(evidence: Evidence) -> Iterator[Violation]:
    """Check that every item has one segment, and that a move leads to another segment, the one in `segments`."""
    groups = evidence.frame("segments")
    items = set(groups.loc[groups["kind"] == "item", "member_id"])
    for name in sorted(set(evidence.world.frame("items")["item_id"]) - items):
        yield Violation("segments", name, "has no segment")
    now = groups.set_index(["kind", "member_id"])["segment"]
    for row in rows_of(evidence.frame("segment_moves")):
        if row.old_segment == row.new_segment or now.get((row.kind, row.member_id)) != row.new_segment:
            yield Violation("segment_moves", row.member_id, f"moves from {row.old_segment} to {row.new_segment}")
