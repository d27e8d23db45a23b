"""The Bayesian fit: the PyMC model, its precompiled density, sampling, labels.

`model` defines the posterior, with the priors of the user and a likelihood that is the
E-step kernel (`likelihood`). `density` is the same posterior, hand-written in compiled code
(`twin`) on the same unconstrained vector (`transforms`), and `nuts` samples it. `labels` gives
the components of the draws their names, `diagnostics` says whether to trust them, `predictive`
what they say of rows; `fit` puts all this in order and `result` holds the answer.
"""
