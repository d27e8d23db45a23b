"""What a Gaussian mixture is.

A mixture of K Gaussians in D dimensions has the density

    p(x) = sum_k  w_k  Normal(x; mu_k, Sigma_k),    Sigma_k = L_k L_k'.

This floor holds the parameters (`Params`), the fourteen ways in which covariances may be tied
together (`structures`), the checked data (`Data`), and the one computation that everything above
shares: the E-step, a single sweep over the rows that returns the log-likelihood and the expected
sufficient statistics (`Stats`). EM climbs with them; by Fisher's identity they are also the exact
gradient that the Bayesian fit follows. Below this floor there is only NumPy, SciPy and numba.
"""
