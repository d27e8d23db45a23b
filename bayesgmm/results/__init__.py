"""What both fits return, and what can be asked of either.

`Fit` is the interface that `EMFit` and `BayesFit` share. The rest of this floor serves it: the
rows of parameters that every table has in common (`rows`), the alignment of components between
two mixtures (`alignment`), the side-by-side table (`comparison`), labelled arrays (`labelled`)
and files (`storage`). Nothing here knows how a fit was made.
"""
