"""
What if: scenario files, named changes of the inputs, composed in order.

    name = "A cold week and a late supplier"

    [[change]]
    kind = "demand"
    category = "drinks"
    percent = -20

    [[change]]
    kind = "lead_time"
    source = "Green Valley"
    add = 3

    [policy]
    service_level = 0.98

Each change says what it did, in rows and money, before anything is solved; a change that hits nothing is an error,
since a scenario that silently is the base would be believed. The kinds stand in ``scenarios.changes``.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from scenarios.change_fields import Change, ChangeError
from scenarios.changes import KINDS
from scenarios.faults import nearest
from scenarios.money import shown_price
from scenarios.policy import checked_policy
from scenarios.world import World

_TOP = ("name", "change", "policy")


class ScenarioError(ValueError):
    """A scenario file cannot be used; the message names file, change, finding and remedy."""


@dataclass(frozen=True)
class Scenario:
    """A scenario file as read: what it is called, its changes in order, keys of the policy."""

    file: str
    name: str
    changes: tuple[Change, ...]
    policy: dict[str, Any]
    digest: str


@dataclass(frozen=True)
class Told:
    """What one change did: the scenario, its kind, rows touched, money in major units (None: none can be said).

    begins: the first day it bears on, None for the plan date
    """

    scenario: str
    kind: str
    rows: int
    money: float | None
    words: str
    begins: date | None = None

    def sentence(self, currency: str) -> str:
        """Return it as people read it."""
        worth = "" if self.money is None else f" [{shown_price(self.money, currency)} {currency}]"
        return f"{self.scenario}: {self.words}{worth}"


def read_scenario(path: Path) -> Scenario:
    """Return a scenario file. Raises ScenarioError with what is wrong with it."""
    try:
        text = path.read_bytes()
        given = tomllib.loads(text.decode("utf-8-sig"))
    except FileNotFoundError:
        raise ScenarioError(f"{path}: there is no such scenario file") from None
    except IsADirectoryError:
        raise ScenarioError(f"{path} is a folder; name a scenario file in it") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: {error}; correct the file, it is TOML") from None
    for key in given:
        if key not in _TOP:
            raise ScenarioError(
                f'{path}: "{key}" is no part of a scenario{nearest(key, _TOP)}; parts are {", ".join(_TOP)}'
            )
    changes, policy = given.get("change", []), given.get("policy", {})
    if not isinstance(changes, list) or not isinstance(policy, dict) or not all(isinstance(c, dict) for c in changes):
        raise ScenarioError(f"{path}: write changes as [[change]] and the policy as [policy]")
    if not changes and not policy:
        raise ScenarioError(f"{path}: changes nothing; give at least one [[change]] or a key under [policy]")
    for number, change in enumerate(changes, 1):
        _check_fields(f"{path} change {number}", change)
    name = str(given.get("name", path.stem))
    return Scenario(str(path), name, tuple(changes), policy, hashlib.sha256(text).hexdigest())


def _check_fields(where: str, change: Change) -> None:
    kind = str(change.get("kind"))
    if kind not in KINDS:
        hint = nearest(kind, list(KINDS))
        raise ScenarioError(f'{where}: kind "{kind}" is not known{hint}; kinds are {", ".join(KINDS)}')
    known = ("kind", *KINDS[kind].needs, *KINDS[kind].may)
    for name in change:
        if name not in known:
            raise ScenarioError(
                f'{where}: "{name}" is no field of {kind}{nearest(name, known)}; fields are {", ".join(known[1:])}'
            )
    for name in KINDS[kind].needs:
        if name not in change:
            raise ScenarioError(f"{where}: {kind} needs {name}")


def under(world: World, scenarios: Sequence[Scenario]) -> tuple[World, list[Told]]:
    """Return the world under scenarios, one after the other, and what each change did.

    Raises ScenarioError where a change cannot be made or hits nothing.
    """
    told: list[Told] = []
    for scenario in scenarios:
        for number, change in enumerate(scenario.changes, 1):
            where = f"{scenario.file} change {number} ({change['kind']})"
            try:
                done = KINDS[change["kind"]].make(world, change)
            except ChangeError as error:
                raise ScenarioError(f"{where}: {error}") from None
            if not done.rows or done.world.hash == world.hash:
                raise ScenarioError(f"{where}: changes nothing, {done.words}; widen what it names, or remove it")
            world = done.world
            told.append(Told(scenario.name, change["kind"], done.rows, done.money, done.words, done.begins))
        if scenario.policy:
            world, words = _with_policy(world, scenario)
            told.append(Told(scenario.name, "policy", len(scenario.policy), None, words))
    notices = tuple(f"scenario {one.sentence(world.policy.currency)}" for one in told)
    return replace(world, notices=(*world.notices, *notices), _frames={}), told


def _with_policy(world: World, scenario: Scenario) -> tuple[World, str]:
    policy, faults = checked_policy(scenario.policy, world.policy)
    if faults:
        raise ScenarioError(f"{scenario.file} policy: {faults[0]}")
    parts = [f"{key} {getattr(world.policy, key)} becomes {getattr(policy, key)}" for key in scenario.policy]
    if policy == world.policy:
        raise ScenarioError(f"{scenario.file} policy: changes nothing, {', '.join(parts)}; remove it")
    return world.replace(policy=policy), ", ".join(parts)
