"""The declared tables, their page, and the policy stand in step."""

from dataclasses import fields

import pytest

from scenarios.describe import tables_page
from scenarios.policy import Policy
from scenarios.schema import declared, input_tables, output_tables
from tests.conftest import REPOSITORY


def test_the_page_of_tables_is_up_to_date():
    page = (REPOSITORY / "docs" / "tables.md").read_text(encoding="utf-8")
    assert page == tables_page(), "run: python -m scenarios.describe > docs/tables.md"


def test_the_policy_has_the_declared_keys_and_defaults():
    columns = declared()["policy"].columns
    assert [c.name for c in columns] == [f.name for f in fields(Policy)]
    defaults = Policy()
    assert {c.name: c.default for c in columns} == {c.name: getattr(defaults, c.name) for c in columns}


def test_four_tables_are_required_and_only_those():
    assert {t.name for t in input_tables() if t.required} == {"items", "locations", "sales", "stock"}


def test_every_reference_points_at_a_key():
    for table in declared().values():
        for column in table.columns:
            if column.refers:
                parent, key = column.refers.split(".")
                assert declared()[parent].key == (key,), f"{table.name}.{column.name}"


def test_output_tables_can_be_empty():
    for table in output_tables():
        assert table.empty().column_names == list(table.names)


def test_an_undeclared_column_is_an_error():
    with pytest.raises(KeyError, match="items has no column 'colour'"):
        declared()["items"].column("colour")
