"""Compose: objects placed by hand, while the model says what it thinks of them."""

import streamlit as st

from air_core.ui.composing import compose
from air_core.ui.frame import need_snapshot, page
from air_core.ui.take_away import offer
from air_core.ui.targets import pick_target

run = page(
    "Compose",
    "Take the objects that AIR found in a scene and move them: `z_where` is yours, the decoder paints. "
    "The network runs in your browser.",
)
need_snapshot(run)
target = pick_target(run, first=7)


@st.fragment
def studio() -> None:
    """The view, and after each release what torch says of it."""
    said = compose(run, target)
    if said is None:
        st.caption(
            "Drag a box to move it, its corner to scale it. Arrow keys nudge, Shift with them resizes, Delete removes."
        )
        return
    browser, torch = said
    prior = browser["logPrior"]
    st.caption(
        f"log p(x, z, n) = log p(x | z) + log p(z, n), in nats. Browser: {browser['logLikelihood']:.3f} + {prior:.3f}. "
        f"PyTorch: {torch.log_likelihood:.3f} + {torch.log_prior:.3f}. The address of this page now holds your objects."
    )


studio()
offer(run)
