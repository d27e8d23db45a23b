"""The classic fit: maximum likelihood by the EM algorithm, and how sure it is.

From the top: `fit` checks the arguments and returns an `EMFit` (`result`). `search` sends out many
ascents (`starts`), drops the hopeless ones and takes the winners apart; `climb` carries a flock of
ascents up in lockstep, with the steps of `quasi_newton`; `soundness` tells maxima from artefacts.
What is climbed is an `objective`: it has an E-step, and an M-step in which priors may have a say
(`penalty`, `modes`).

How sure: `information` (in local `coordinates`) and `uncertainty` carry the curvature of the
likelihood to standard errors and intervals, and `posterior` adds that of priors; `bootstrap` gets
them from refitted `samples`; `ratio` asks for one component more.
"""
