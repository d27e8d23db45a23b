"""A page that tells all of two fits, for who was not there.

`page` puts the report together out of one file's worth of HTML: `places` says which posterior to
show where the chains are in different places, `tables` and `pictures` show it, `recipe` says how
to make it again, and `verdict` what to think of it. `markup` writes HTML, in which whatever is
not markup gets escaped; `look` is the style sheet; `writing` says how many digits are worth
reading. Nothing here estimates anything.
"""
