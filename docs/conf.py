"""How Sphinx makes the documentation site: ``make docs``, into ``build/site``."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
GALLERY = HERE.parent / "examples" / "gallery"
sys.path.insert(0, str(HERE))

project = "pullback"
author = "pullback developers"
copyright = author

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "extensions.links",
    "extensions.mathml",
    "extensions.names",
    "extensions.offline",
    "extensions.prose",
    "extensions.reference",
    "extensions.rows",
]
# Tables of the gallery's times would fetch scripts from elsewhere.
exclude_patterns = ["extensions", "**sg_execution_times.rst"]
if any(GALLERY.glob("plot_*.py")):
    extensions.append("sphinx_gallery.gen_gallery")
    sphinx_gallery_conf = {
        "examples_dirs": str(GALLERY),
        "gallery_dirs": "gallery",
        "within_subsection_order": "FileNameSortKey",
        "capture_repr": (),
        "download_all_examples": False,
        "show_signature": False,
    }
else:
    exclude_patterns += ["gallery"]  # of a build that had some
nitpicky = True
default_role = "name"
nitpick_ignore = [("py:exc", "pickle.UnpicklingError")]

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 4

autodoc_typehints = "none"
autodoc_member_order = "bysource"
add_module_names = False
napoleon_numpy_docstring = False
toc_object_entries_show_parents = "hide"
highlight_language = "python"
html_math_renderer = "mathml"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "pydata_sphinx_theme"
html_title = "pullback"
html_static_path = ["static"]
html_css_files = ["pullback.css"]
html_logo = html_favicon = "static/mark.svg"
html_context = {"default_mode": "auto"}
html_sidebars: dict[str, list[str]] = {
    page: [] for page in ("index", "numerics", "comparison", "project/*")
}
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": "pullback"},
    "header_links_before_dropdown": 6,
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}
