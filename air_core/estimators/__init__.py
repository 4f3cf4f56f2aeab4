"""Gradient estimators of the ELBO, one file each.

An estimator has Pyro's ELBO interface, `loss(model, guide, *args)` and `loss_and_grads(...)`,
both a float in Pyro's convention (negative ELBO summed over the data), and

- `backward(model, guide, images)`: adds the same gradient to the parameters and returns the
  named parts of the ELBO in nats per scene;
- `uses_baseline`: whether the guide should carry a baseline network for it.

To add one, write a file with such a class and add a line here.
"""

from air_core.estimators.count_enumeration import CountEnumeration
from air_core.estimators.trace_graph import TraceGraph
from air_core.registry import Registry

ESTIMATORS = Registry("estimator", {"count_enumeration": CountEnumeration(), "trace_graph": TraceGraph()})
