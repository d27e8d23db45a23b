"""Labels: the posterior is the same whatever the components are called, so draws are renamed.

A sampler that follows the posterior of K components may call them by any of K! names, and
change names as it goes. Nothing is wrong with such draws but their names. Each draw is therefore
given new ones, by one of four methods; no draw is dropped, and label-free quantities do not
change.

- ``reference``: every draw is matched with one mixture, the EM estimate. It looks at parameters
  only, and is what `fit_bayes` does.
- ``ecr``: every draw's division of the rows is matched with the division by one draw, the pivot.
- ``stephens``: every draw's responsibilities are matched with those of all draws together.
- ``ordered``: components are named by the order of their means of one feature.

All of them find, for each draw, the permutation of least cost (`assignment`); they differ in
where the K x K costs come from. ECR and Stephens' method ask about every row in every draw,
which is too much to store: `sweeps` adds the answers up as they are computed. Each method leaves
one permutation open that is common to all draws, and `methods` chooses it so that the names are
those of the reference. `agreement` asks whether the choice of a method matters.
"""

from bayesgmm.bayes.labels.reference import reference_labels
from bayesgmm.bayes.labels.renaming import count_switches, renamed

__all__ = ["count_switches", "reference_labels", "renamed"]
