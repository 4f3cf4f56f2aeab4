"""AIR (Attend, Infer, Repeat) in Pyro: the map of the package, from the ground up.

    settings             what a setting is: a field with a range and a sentence
    config, presets      every setting of a run, JSON; settings to start from
    registry             named choices: scenes, priors, embeddings, guides, estimators
    records              the names of logged values
    spatial_transformer  the only place that knows what z_where means
    priors, networks     priors over the count; the networks
    digits, scenes       real digits; scenes of them with their ground truth, cached
    model, guide         p(x, z) and q(z | x) as Pyro programs
    estimators/          gradient estimators of the ELBO, one file each
    air                  model and guide as one module; wrappers for stock SVI
    loop, trainer        the step loop, which knows no AIR; the step, which does
    gradients            how noisy an estimator's gradient is
    store, runs          a run's metrics; the run folder
    history, health      the log as columns, followed as it grows; rules that name a failure
    control              starting, pausing and stopping a training from outside
    proposals            what a guide proposes for scenes, also when it looks from other places
    fitting, reconsider  z fitted to a scene; doubtful scenes explained anew
    explain, evaluation  what a trained AIR says about scenes, and how well
    composed, pictures   what the model says of objects placed by hand; people's pictures as scenes
    observers            what watches the loop: looks, records, snapshots, health
    tensorboard          an optional second place for what is logged
    train, evaluate      the two commands (command: what they share)
    figures/             arrays to Plotly figures
    browser/             AIR in JavaScript, the studio made of it, and what Python hands to them
    ui/                  the only code that knows Streamlit

Imports point downwards only: a module uses what stands above it in this list, never below.
"""
