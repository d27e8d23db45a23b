"""The classic fit: maximum likelihood by the EM algorithm.

`fit` checks and standardises the data and returns an `EMFit` (`result`). `starts` says where
ascents begin, `climb` carries one of them to its end, and `search` chooses among many.
"""
