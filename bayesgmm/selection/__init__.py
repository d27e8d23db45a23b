"""How many components, and what their covariances share.

The candidates form a grid: numbers of components by covariance structures. Many of them are
nested, as a mixture of fewer components is one of more components of which some are alike, and
shared covariances are free ones that happen to be equal. A larger model that scores below one
nested in it has therefore missed its maximum, and a choice between the two means nothing. So the
grid is filled in the order of nesting (`grid`), each model also starting from the solutions of
those nested in it; then neighbours exchange solutions, upwards and downwards, and the outcome is
audited. `result` says what was chosen, and by how much; `choose` checks what the user gives.
"""
