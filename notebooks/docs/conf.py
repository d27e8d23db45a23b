"""How Sphinx builds the reference: ``sphinx-build -W notebooks/docs FOLDER``."""

from bayesgmm import __version__

project = "bayesgmm"
copyright = "The bayesgmm developers"
release = __version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.autosummary"]
html_theme = "furo"
html_title = f"bayesgmm {release}"
html_show_sphinx = False

default_role = "py:obj"  # as NumPy's and SciPy's docstrings have it: `name` is a link
add_module_names = False
napoleon_google_docstring = False
napoleon_use_ivar = True  # or attributes of dataclasses would be described twice
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say more
autosummary_generate = False
