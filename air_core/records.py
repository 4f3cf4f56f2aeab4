"""The names of logged values: what a row of a run's store holds, written and read here only.

Training steps log `elbo`, `log_likelihood`, `kl_pres`, `kl_where`, `kl_what`, `blank` (the score of an
empty canvas; all nats per scene, as far as the estimator gives them) and `scenes_per_second`. Looks at the validation scenes add the same
parts, `blank`, `count_accuracy`, `recall_<n>`, `confusion_<true>_<counted>`,
`z_pres_gradient_variance` and `seconds` (what the look itself took) under `validation/`. A training that breaks logs the value that was not
finite as its last row.
"""

from __future__ import annotations

import numpy as np

Record = dict[str, float]
"""The named values of one step."""

PARTS = ("elbo", "log_likelihood", "kl_pres", "kl_where", "kl_what")
LOOK = "validation/"
GRADIENT_VARIANCE = LOOK + "z_pres_gradient_variance"
LOOK_SECONDS = LOOK + "seconds"


def look_record(parts: dict[str, float], blank: float, confusion: np.ndarray) -> Record:
    """A look at the validation scenes: parts of the ELBO, the blank score, confusion (K, T + 1)."""
    n_right = sum(confusion[n, n] for n in range(min(confusion.shape)))
    record = {**parts, "blank": blank, "count_accuracy": float(n_right / confusion.sum())}
    for true, row in enumerate(confusion):
        if row.sum():
            record[f"recall_{true}"] = float(row[true] / row.sum()) if true < len(row) else 0.0
            record |= {f"confusion_{true}_{counted}": int(cell) for counted, cell in enumerate(row)}
    return {LOOK + name: value for name, value in record.items()}


def is_look(record: Record) -> bool:
    """Whether a record holds a look at the validation scenes."""
    return LOOK + "elbo" in record


def recall_counts(record: Record) -> list[int]:
    """The true counts whose recall a look holds, in order."""
    prefix = LOOK + "recall_"
    return sorted(int(name.removeprefix(prefix)) for name in record if name.startswith(prefix))


def confusion_of(record: Record) -> np.ndarray:
    """The confusion matrix (K, T + 1) of a look."""
    prefix = LOOK + "confusion_"
    cells = {name.removeprefix(prefix): value for name, value in record.items() if name.startswith(prefix)}
    places = {name: tuple(map(int, name.split("_"))) for name in cells}
    table = np.zeros(np.max(list(places.values()), axis=0) + 1, np.int64)
    for name, value in cells.items():
        table[places[name]] = value
    return table
