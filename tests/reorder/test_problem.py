import numpy as np
import pytest
from reorder_cases import joint_rules, reorder_problem

from optimizer.reorder.problem import ProblemError


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("pack", 0, "pack: smallest is 0, expected at least 1"),
        ("shortage_cost", -1.0, "shortage_cost: found a value that is negative or not finite"),
        ("holding_cost", np.nan, "holding_cost: found a value that is negative or not finite"),
        ("on_hand", -1.0, "on_hand: negative, which only backorders allow"),
        ("on_hand", np.inf, "on_hand: not a finite number"),
        ("weight", 0.3, "weight: sums to 0.6, expected 1"),
        ("unmet", "ignored", 'unmet: \'ignored\', expected "lost_sales" or "backorders"'),
    ],
)
def test_a_value_that_cannot_be_is_named(field, value, message):
    with pytest.raises(ProblemError, match=message):
        reorder_problem([[1, 2], [2, 3]], **{field: value})


def test_all_faults_are_named_at_once():
    with pytest.raises(ProblemError, match=r"holding_cost.*\npack"):
        reorder_problem([[1, 2]], pack=0, holding_cost=-1.0)


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"supplier": [0]}, "supplier: values from 0 to 0, expected -1 to -1"),
        ({"pool": [2], "capacity": [1.0]}, "row: values from 2 to 2, expected -1 to 0"),
        ({"spend": [1.0, 2.0]}, r"spend: shape \(2,\), expected \(1,\)"),
        ({"budget": -5}, "budget: -5, expected at least 0"),
        ({"supplier_minimum": [[1.0]]}, "supplier_minimum: expected one dimension"),
    ],
)
def test_joint_rules_that_do_not_fit_are_named(rules, message):
    with pytest.raises(ProblemError, match=message):
        reorder_problem([[1, 2]], joint=joint_rules(1, **rules))


def test_shapes_are_checked_first():
    with pytest.raises(ProblemError, match=r"demand: shape \(2, 2, 2, 2\), expected \(lines, paths, periods\)"):
        reorder_problem([[1, 2]]).__class__(
            **{**vars(reorder_problem([[1, 2]])), "demand": np.zeros((2, 2, 2, 2), int)}
        )
    with pytest.raises(ProblemError, match=r"pack: shape \(2,\), expected \(1,\)"):
        reorder_problem([[1, 2]]).__class__(**{**vars(reorder_problem([[1, 2]])), "pack": np.ones(2, int)})


def test_fractions_are_no_demand():
    with pytest.raises(ProblemError, match="demand: dtype float64, expected whole numbers"):
        reorder_problem([[1.5, 2.0]])
