"""The schema of the log: what is written is what is read."""

import numpy as np
import pytest

from air_core.records import confusion_of, is_look, look_record, recall_counts


def test_a_look_is_read_as_it_was_written():
    confusion = np.array([[5, 0, 0, 0], [1, 6, 1, 0], [0, 0, 0, 0], [0, 0, 1, 3], [0, 0, 0, 2]])
    record = look_record({"elbo": 1.5}, 0.5, confusion)
    assert is_look(record) and not is_look({"elbo": 1.0})
    assert record["validation/elbo"] == 1.5 and record["validation/blank"] == 0.5
    assert record["validation/count_accuracy"] == pytest.approx(14 / 19)
    assert recall_counts(record) == [0, 1, 3, 4]
    assert record["validation/recall_1"] == 6 / 8 and record["validation/recall_4"] == 0
    assert (confusion_of(record) == confusion).all()
