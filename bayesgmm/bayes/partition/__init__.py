"""Which rows belong together, asked without ever naming a component.

A draw's components may have any names, but whether two rows share one is the same under all of
them. So every draw is read as a *partition* of the rows, and the posterior as a distribution over
partitions. Four questions follow, a module each:

* `similarity`: how probable is it that two rows belong together?
* `losses`: how far is one partition from another?
* `search`: which partition is nearest, on average, to those of the posterior?
* `ball`: how far from it does the posterior reach, and what lies at the edge?

`allocations` draws the partitions, and `result` puts the answers together.
"""
