import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers.lp_text import lp_text
from solvers.model import Bounds, Model, ModelError, Triplets

GOLDEN = """Minimize
 cost: + 5 open + 1.5 take(tea,0) - 2 take(oat_milk,12)
Subject To
 link(tea): - 1 open + 1 take(tea,0) <= 0
 link(oat_milk): - 1 open + 1 take(oat_milk,12) <= 0
 range: + 1 take(tea,0) + 1 take(oat_milk,12) >= 1
 range_upper: + 1 take(tea,0) + 1 take(oat_milk,12) <= 4
Bounds
 0 <= open <= 1
 0 <= take(tea,0) <= 3
 -inf <= take(oat_milk,12) <= 7
General
 open
End
"""


def small_model():
    model = Model()
    door = model.add_variables("open", {}, 5.0, Bounds(0, 1, True))
    labels = {"item": np.array(["tea", "oat milk"]), "quantity": np.array([0, 12])}
    take = model.add_variables("take", labels, [1.5, -2.0], Bounds([0, -np.inf], [3, 7]))
    row, column = np.array([0, 0, 1, 1]), np.array([take.start, door.start, take.start + 1, door.start])
    labels = {"item": labels["item"]}
    model.add_rows("link", labels, Triplets(row, column, np.array([1.0, -1, 1, -1])), -np.inf, 0.0)
    model.add_rows("range", {}, Triplets(np.zeros(2, int), take.members, np.ones(2)), 1, 4)
    return model


def test_the_text_of_a_model_reads_like_its_families():
    assert lp_text(small_model().seal()) == GOLDEN


def test_the_text_of_a_model_is_the_same_model_to_an_engine(tmp_path):
    import highspy

    path = tmp_path / "model.lp"
    path.write_text(lp_text(small_model().seal()))
    engine = highspy.Highs()
    engine.setOptionValue("output_flag", False)
    engine.readModel(str(path))
    engine.run()
    # Open the door (5); oat milk at most 1 by its link, so -2; tea 0 and the sum 1 is in its range: 3.
    assert engine.getInfo().objective_function_value == pytest.approx(3.0)


def test_rows_and_columns_know_their_names():
    sealed = small_model().seal()
    assert [sealed.column_name(column) for column in range(3)] == ["open", "take(tea,0)", "take(oat_milk,12)"]
    assert [sealed.row_name(row) for row in range(3)] == ["link(tea)", "link(oat_milk)", "range"]
    assert sealed.family("take").members.tolist() == [1, 2]


def test_a_sealed_model_cannot_be_changed():
    sealed = small_model().seal()
    with pytest.raises(ValueError, match="read-only"):
        sealed.cost[0] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        sealed.value[0] = 1.0


def test_a_model_without_rows_can_be_sealed():
    model = Model()
    model.add_variables("x", {"i": np.arange(2)})
    assert (model.seal().rows, model.seal().columns, model.seal().value.size) == (0, 2, 0)


@settings(derandomize=True, max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(-5, 5)), max_size=20))
def test_entries_on_one_place_are_summed(entries):
    dense = np.zeros((3, 4))
    for row, column, value in entries:
        dense[row, column] += value
    model = Model()
    model.add_variables("x", {"i": np.arange(4)})
    row, column, value = (np.array([entry[k] for entry in entries], dtype=int) for k in range(3))
    model.add_rows("rows", {"i": np.arange(3)}, Triplets(row, column, value.astype(float)), -np.inf, 1.0)
    assert (model.seal().matrix().toarray() == dense).all()


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda m: m.add_variables("open", {}), "open: a family of this name exists already"),
        (lambda m: m.add_variables("x", {"a": np.arange(2), "b": np.arange(3)}), r"x: labels have different lengths"),
        (lambda m: m.add_variables("x", {"a": np.arange(2)}, np.ones(3)), r"x: an array of shape \(3,\) for 2 members"),
        (lambda m: m.add_rows("r", {}, entry(0, 9, 1.0), 0, 1), "r: column from 9 to 9, expected 0 to 2"),
        (lambda m: m.add_rows("r", {}, entry(1, 0, 1.0), 0, 1), "r: row from 1 to 1, expected 0 to 0"),
        (
            lambda m: m.add_rows("r", {}, Triplets(np.zeros(2, int), np.zeros(1, int), np.ones(1)), 0, 1),
            "r: row, column and value have different lengths",
        ),
    ],
)
def test_parts_that_do_not_fit_are_refused_by_name(break_it, message):
    with pytest.raises(ModelError, match=message):
        break_it(small_model())


def entry(row, column, value):
    return Triplets(np.array([row]), np.array([column]), np.array([value]))


def test_numbers_that_are_none_are_refused():
    model = Model()
    model.add_variables("x", {}, np.nan)
    with pytest.raises(ModelError, match="not a finite number"):
        model.seal()
    with pytest.raises(ModelError, match="at least one family of variables"):
        Model().seal()


def test_crossed_bounds_are_refused():
    model = small_model()
    model.add_rows("crossed", {}, entry(0, 0, 1.0), 2, 1)
    with pytest.raises(ModelError, match="row 3: lower bound above upper bound"):
        model.seal()
    model = Model()
    model.add_variables("x", {}, 0.0, Bounds(2, 1))
    with pytest.raises(ModelError, match="variable 0: lower bound above upper bound"):
        model.seal()
