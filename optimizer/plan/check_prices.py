"""Do the price changes keep the rules of the tables? Ladder, steps, counts, dates, labels, locks, budget; no model."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pandas as pd

from optimizer.plan.check import Evidence, Violation
from optimizer.plan.ids import stable_id
from scenarios.money import minor_digits
from scenarios.world import World, rows_of

_TABLE = "price_changes"
_KEYS = ["item_id", "location_id"]
_PRICE_TOLERANCE = 1e-6
_MONEY_TOLERANCE = 0.01
_SPENDERS = {"all": ("", None), "location": (" of place ", "location_id"), "category": (" of category ", "category")}
_SCOPES = (("item", "item_id"), ("group", "price_group"), ("category", "category"))


@dataclass(frozen=True)
class PriceFacts:
    """What the inputs say of the prices of some pairs, by item and place; see ``price_facts``.

    day: the last day of the first period, the plan date itself in worlds of days
    rows, regulars: price rows with a price, and with a regular price, of each pair in the order of time
    promotions: of each pair; paid: what was paid last, where no price has begun
    listed: list price by item; empty: tables without rows
    """

    day: date
    rows: Mapping[Any, pd.DataFrame]
    regulars: Mapping[Any, pd.DataFrame]
    promotions: Mapping[Any, pd.DataFrame]
    paid: Mapping[Any, float]
    listed: Mapping[Any, float]
    empty: tuple[pd.DataFrame, pd.DataFrame]

    def prices(self, key: tuple[str, str]) -> pd.DataFrame:
        """Return the price rows of a pair in the order of time."""
        return self.rows.get(key, self.empty[0])

    def running(self, key: tuple[str, str], day: date) -> pd.DataFrame:
        """Return the promotions of a pair that run on a day."""
        own = self.promotions.get(key, self.empty[1])
        return own[(own["from_date"] <= day) & (own["to_date"] >= day)]

    def unrecorded(self, key: tuple[str, str]) -> float | None:
        """Return what stands in for a price: what was paid last, else the list price."""
        price = self.paid.get(key, self.listed.get(key[0]))
        return None if price is None or pd.isna(price) else round(float(price), 6)

    def regular(self, key: tuple[str, str], otherwise: float) -> float:
        """Return the regular price of the plan date, at least ``otherwise``."""
        own = self.regulars.get(key, self.empty[0])
        now = own[own["valid_from"] <= self.day]
        listed = self.listed.get(key[0])
        if len(now):
            return max(float(now["regular_price"].iloc[-1]), otherwise)
        if listed is not None and not pd.isna(listed):
            return max(float(listed), otherwise)
        return max(float(own["regular_price"].iloc[0]), otherwise) if len(own) else otherwise


def price_facts(world: World, pairs: pd.DataFrame) -> PriceFacts:
    """Return what the inputs say of the prices of ``pairs``."""
    keys = pairs[_KEYS].drop_duplicates()
    table = world.frame("prices").merge(keys, on=_KEYS).sort_values("valid_from", kind="stable")
    prices, regulars = table.dropna(subset=["price"]), table.dropna(subset=["regular_price"])
    day = world.plan_date + timedelta(days=world.periods.days - 1)
    promotions = world.frame("promotions").dropna(subset=["from_date", "to_date"]).merge(keys, on=_KEYS)
    begun = set(prices.loc[prices["valid_from"] <= day, _KEYS].itertuples(index=False, name=None))
    bare = keys.loc[[key not in begun for key in keys.itertuples(index=False, name=None)], _KEYS]
    paid = world.frame("sales").dropna(subset=["price"]).merge(bare, on=_KEYS)
    return PriceFacts(
        day,
        dict(iter(prices.groupby(_KEYS))),
        dict(iter(regulars.groupby(_KEYS))),
        dict(iter(promotions.groupby(_KEYS))),
        paid.sort_values("date", kind="stable").groupby(_KEYS)["price"].last().to_dict() if len(paid) else {},
        world.frame("items").set_index("item_id")["list_price"].to_dict(),
        (prices.head(0), promotions.head(0)),
    )


def check_price_lines(evidence: Evidence) -> Iterator[Violation]:
    """Each change carries its id, begins on the plan date, starts from the price in force and is explained."""
    world = evidence.world
    explained = set(evidence.frame("explanations")["line_id"])
    facts = price_facts(world, evidence.frame(_TABLE))
    for row in rows_of(evidence.frame(_TABLE)):
        if row.line_id != stable_id("price", row.item_id, row.location_id, row.valid_from):
            yield Violation(_TABLE, row.line_id, "does not carry the id of its item, place and day")
        if row.valid_from != world.plan_date:
            yield Violation(_TABLE, row.line_id, f"begins on {row.valid_from}, the plan date is {world.plan_date}")
        if row.line_id not in explained:
            yield Violation(_TABLE, row.line_id, "is not explained")
        before = price_in_force(facts, (row.item_id, row.location_id), world.plan_date)
        if before is None or abs(before - row.old_price) > _PRICE_TOLERANCE:
            known = "none is known" if before is None else f"{before:g} is in force"
            yield Violation(_TABLE, row.line_id, f"says the price was {row.old_price:g}, {known}")
        if row.kind != "regular" and not 0.0 < row.new_price < row.old_price:
            yield Violation(_TABLE, row.line_id, f"{row.new_price:g} is not below {row.old_price:g}")
    twice = evidence.frame(_TABLE)
    for row in rows_of(twice[twice.duplicated(_KEYS)]):
        yield Violation(_TABLE, row.line_id, f"changes {row.item_id} at {row.location_id} a second time")


def cleared_changes(evidence: Evidence) -> pd.DataFrame:
    """Return the changes of a clearance: prices on the shelf, for all units, whenever they expire."""
    changes = evidence.frame(_TABLE)
    return changes[changes["kind"] == "clearance"]


def check_price_rules(evidence: Evidence) -> Iterator[Violation]:
    """Each change has a rule, stock, a price of its ladder, and keeps steps, dates and counts; locks excepted."""
    world = evidence.world
    items = world.frame("items").set_index("item_id")
    rules = world.frame("markdown_rules")
    stock = world.frame("stock").groupby(_KEYS)["on_hand"].sum().to_dict()
    ladders = dict(iter(world.frame("price_ladders").groupby("ladder_id")))
    changes = cleared_changes(evidence)
    facts = price_facts(world, changes)
    free = by_hand(world, items)
    for row in rows_of(changes):
        rule = rule_of(rules, items, row.item_id)
        if rule is None or not pd.isna(rule.days_left):
            yield Violation(_TABLE, row.line_id, f"{row.item_id} has no markdown rule for its shelf")
            continue
        on_hand = float(stock.get((row.item_id, row.location_id), 0.0))
        if on_hand <= 0.0:
            yield Violation(_TABLE, row.line_id, f"there is no stock of {row.item_id} at {row.location_id} to clear")
        if not pd.isna(rule.min_stock) and on_hand < rule.min_stock:
            yield Violation(_TABLE, row.line_id, f"{on_hand:g} are there, the rule clears from {rule.min_stock:g} on")
        if (row.item_id, row.location_id) not in free:
            off = off_ladder(world, facts, ladders.get(rule.ladder_id), rule.ending, row)
            for text in (*off, *_broken(world, facts, rule, row)):
                yield Violation(_TABLE, row.line_id, text)


def by_hand(world: World, items: pd.DataFrame) -> set[tuple[str, str]]:
    """Return the pairs with a locked price, and those that one price ties to them."""
    found = set(locked_pairs(world))
    for item, place in list(found):
        found |= one_price_pairs(world, items, item, place)
    return found


def one_price_pairs(world: World, items: pd.DataFrame, item: str, place: str) -> set[tuple[str, str]]:
    """Return the pairs of one price with an item at a place: its price group, at the places of its rule's zone."""
    places = world.frame("locations").set_index("location_id")
    rule = rule_of(world.frame("markdown_rules"), items, item) if item in items.index else None
    over = "place" if rule is None else rule.one_price_over
    members, zone = pd.Index([item]), pd.Index([place])
    name = items["price_group"].fillna("").get(item, "")
    if name:
        members = items.index[items["price_group"] == name]
    if over == "all":
        zone = places.index
    elif over != "place":
        named = places[over].fillna("")
        if named.get(place, ""):
            zone = places.index[named == named[place]]
    return {(str(i), str(p)) for i in members for p in zone}


def check_price_locks(evidence: Evidence) -> Iterator[Violation]:
    """Change a locked price to what it is locked at, or not at all."""
    locked = locked_pairs(evidence.world)
    for row in rows_of(evidence.frame(_TABLE)):
        price = locked.get((row.item_id, row.location_id), row.new_price)
        if abs(row.new_price - price) > _PRICE_TOLERANCE:
            yield Violation(_TABLE, row.line_id, f"is locked at {price:g}, the plan has {row.new_price:g}")


def _rounded(price: float, ending: Any, grant: float) -> float:
    """Return the highest price of the ending that is not above ``price``."""
    if pd.isna(ending):
        return price
    whole = int(price - ending + 1.0)
    candidates = [n + ending for n in range(whole + 1) if n + ending <= price + grant]
    return max(candidates, default=0.0)


def off_ladder(world: World, facts: PriceFacts, ladder: pd.DataFrame | None, ending: float, row: Any) -> Iterator[str]:
    """Yield a word where the new price is no rung of its ladder."""
    regular = facts.regular((row.item_id, row.location_id), row.old_price)
    rungs = [] if ladder is None else list(rows_of(ladder))
    grant = rounding_grant(world)
    prices = [
        _rounded(rung.share_of_regular * regular, ending, grant) if pd.isna(rung.price) else rung.price
        for rung in rungs
    ]
    if not any(abs(price - row.new_price) <= grant for price in prices):
        yield f"{row.new_price:g} is no rung of its ladder"


def rounding_grant(world: World) -> float:
    """Return half a minor unit: prices are rounded to whole ones."""
    return 0.5 * float(10.0 ** -minor_digits(world.policy.currency)) + _PRICE_TOLERANCE


def _broken(world: World, facts: PriceFacts, rule: Any, row: Any) -> Iterator[str]:
    """Yield what a change breaks of its rule."""
    yield from off_step(world, rule, row)
    if not pd.isna(rule.exit_on) and world.plan_date > rule.exit_on:
        yield f"its clearance ended on {rule.exit_on}"
    earlier = _markdowns(facts, (row.item_id, row.location_id), world.plan_date)
    if not pd.isna(rule.max_changes) and len(earlier) + 1 > rule.max_changes:
        yield f"is change {len(earlier) + 1} of at most {rule.max_changes:g}"
    if earlier and not pd.isna(rule.min_days_between) and (world.plan_date - earlier[-1]).days < rule.min_days_between:
        yield f"comes {(world.plan_date - earlier[-1]).days} days after the last one, {rule.min_days_between:g} are due"


def off_step(world: World, rule: Any, row: Any) -> Iterator[str]:
    """Yield what a change breaks of its rule by its size or by coming too early."""
    grant = rounding_grant(world)
    if not pd.isna(rule.min_step) and row.new_price > row.old_price * (1 - rule.min_step) + grant:
        yield f"falls by {1 - row.new_price / row.old_price:.1%}, the least step is {rule.min_step:.1%}"
    if not pd.isna(rule.max_step) and row.new_price < row.old_price * (1 - rule.max_step) - grant:
        yield f"falls by {1 - row.new_price / row.old_price:.1%}, the largest step is {rule.max_step:.1%}"
    if not pd.isna(rule.no_touch_until) and world.plan_date < rule.no_touch_until:
        yield f"must not change before {rule.no_touch_until}"


def rule_of(rules: pd.DataFrame, items: pd.DataFrame, item_id: str) -> Any:
    """Return the rule nearest to an item, None without one."""
    for scope, column in _SCOPES:
        wanted = item_id if column == "item_id" else items.loc[item_id, column]
        own = rules[(rules["scope"] == scope) & (rules["scope_id"] == wanted)]
        if len(own):
            return own.iloc[0]
    everybody = rules[rules["scope"] == "all"]
    return everybody.iloc[0] if len(everybody) else None


def price_in_force(facts: PriceFacts, key: tuple[str, str], plan_date: date) -> float | None:
    """Return the price of the plan date before any change; None where no table names one.

    The last price holds, but one that a promotion set ends with it; a promotion of the day takes its discount off the
    regular price.
    """
    own = facts.prices(key)
    begun = own[own["valid_from"] <= facts.day]
    price = float(begun["price"].iloc[-1]) if len(begun) else facts.unrecorded(key)
    if price is None and own.empty:
        return None
    if price is None:
        price = float(own["price"].iloc[0])
    regular = facts.regular(key, price)
    running = facts.running(key, plan_date)
    discount = running.loc[running["discount"] > 0, "discount"]
    if len(discount):
        return round(regular * (1.0 - float(discount.iloc[-1])), 6)
    by_promotion = len(begun) > 0 and len(facts.running(key, begun["valid_from"].iloc[-1])) > 0
    return round(regular if by_promotion and running.empty else price, 6)


def _markdowns(facts: PriceFacts, key: tuple[str, str], plan_date: date) -> list[date]:
    """Return the days of earlier markdowns since the price last was the regular one, promotions left aside."""
    prices = facts.prices(key)
    days: list[date] = []
    before = float("inf")
    for row in rows_of(prices[prices["valid_from"] < plan_date]):
        if len(facts.running(key, row.valid_from)):
            continue
        if pd.isna(row.regular_price) or row.price >= row.regular_price - _PRICE_TOLERANCE:
            days = []
        elif row.price < before:
            days.append(row.valid_from)
        before = row.price
    return days


def locked_pairs(world: World) -> dict[tuple[str, str], float]:
    """Return the price that a lock gives a pair on the plan date; of several the one set last holds."""
    locks = world.frame("locks").query("target == 'price_changes' and field == 'new_price'")
    found = {}
    for row in locks.sort_values("at", na_position="first", kind="stable").to_dict("records"):
        begun = row["from"] is None or row["from"] <= world.plan_date
        going = row["to"] is None or row["to"] >= world.plan_date
        if begun and going:
            found[(row["item_id"], row["location_id"])] = float(row["value"])
    return found


def check_price_labels(evidence: Evidence) -> Iterator[Violation]:
    """No place changes more labels today than its week allows; locked changes are the planner's."""
    world, changes = evidence.world, evidence.frame(_TABLE)
    changes = changes[changes["kind"] != "sticker"]
    monday = world.plan_date - timedelta(days=world.plan_date.weekday())
    table = world.frame("label_capacity")
    capacity = table[table["week"] == monday].dropna(subset=["labels"]).set_index("location_id")["labels"]
    hand = by_hand(world, world.frame("items").set_index("item_id"))
    mine = pd.Series([(row.item_id, row.location_id) in hand for row in rows_of(changes)], changes.index, dtype=bool)
    for place, count in changes.groupby("location_id").size().items():
        most = capacity.get(place)
        if most is not None and count > max(most, int(mine[changes["location_id"] == place].sum())):
            yield Violation(_TABLE, str(place), f"changes {count} labels in the week of {monday}, {most:g} can be")


def check_markdown_budget(evidence: Evidence) -> Iterator[Violation]:
    """Each markdown budget of the week is kept, as far as the explanations of the clearance tell what its lines spend.

    Where today's prices alone spend more, an exception of that budget says so.
    """
    world = evidence.world
    monday = world.plan_date - timedelta(days=world.plan_date.weekday())
    budgets = world.frame("budgets").dropna(subset=["amount"])
    budgets = budgets[(budgets["component"] == "markdown") & (budgets["period_start"] == monday)]
    told = set(evidence.frame("exceptions")["subject"])
    spent = _spent_this_week(evidence)
    names = budgets["scope_id"].fillna("").mask(budgets["scope"] == "all", "")
    for (scope, name), amounts in budgets["amount"].groupby([budgets["scope"], names]):
        if scope not in _SPENDERS:
            continue
        whose, column = _SPENDERS[scope]
        mine = spent if column is None else spent[spent[column] == name]
        total, most, what = float(mine["amount"].sum()), float(amounts.sum()), f"markdown budget{whose}{name}"
        if what not in told and total > most + _MONEY_TOLERANCE * max(len(mine), 1):
            yield Violation(_TABLE, "", f"is expected to spend {total:,.2f} of a {what} of {most:,.2f}")


def _spent_this_week(evidence: Evidence) -> pd.DataFrame:
    """Return what the explained lines of the clearance spend until Sunday: item, place, category, amount."""
    rows = []
    for text in evidence.frame("explanations")["numbers"].dropna():
        numbers = json.loads(text) if text else {}
        if "markdown_by_week" in numbers:
            rows.append((numbers["item_id"], numbers["location_id"], float(numbers["markdown_by_week"][0])))
    category = evidence.world.frame("items").set_index("item_id")["category"]
    spent = pd.DataFrame(rows, columns=[*_KEYS, "amount"])
    return spent.assign(category=category.reindex(spent["item_id"]).to_numpy())
